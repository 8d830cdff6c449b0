"""A programme's way from draft to closed, by the operations and by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories import reliefs as factory
from tests.factories.staff import make_staff
from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.types import (
    FourEyesError,
    ProgrammeStateError,
    ReliefError,
    UnknownProgrammeError,
)
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.rating import PolicyError
from thapsang.interfaces.cli.relief import app
from thapsang.journeys import relieve_months
from thapsang.kit.audit import queries as audit
from thapsang.kit.db.place import ROOT
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db
AT = factory.AT
NGHE_AN = ROOT / "policies" / "nghe-an" / "reliefs"
FOURTH, FIFTH = "2021-08-covid-4.yaml", "2021-09-covid-5.yaml"


def test_drafted_reviewed_by_another_in_force_closed() -> None:
    number = factory.drafted(factory.storm())
    assert factory.drafted(factory.storm()) == number, "the same text is the same draft"
    with pytest.raises(FourEyesError, match="somebody else"), transaction():
        operations.review(programme_id=number, actor=factory.DRAFTER, at=AT)
    with pytest.raises(ProgrammeStateError, match="is draft"), transaction():
        operations.put_in_force(programme_id=number, tariffs=tariffs.current_book(), actor="x", at=AT)
    with transaction():
        operations.review(programme_id=number, actor=factory.REVIEWER, at=AT)
        version = operations.put_in_force(
            programme_id=number, tariffs=tariffs.current_book(), actor=factory.REVIEWER, at=AT
        )
    found = queries.programme_named(name="storm")
    assert (found.status, found.reviewed_by, found.edition) == ("in-force", "minh", "storm@2026-10-01")
    book = queries.book_of(version, tariffs.current_book())
    assert [p.code for p in book.programmes] == ["storm"]
    assert queries.references(version_id=version)[1].document == "Nghị quyết storm"
    with pytest.raises(ReliefError, match="Say why"), transaction():
        operations.close(programme_id=number, tariffs=tariffs.current_book(), actor="x", reason="", at=AT)
    with transaction():
        operations.close(
            programme_id=number, tariffs=tariffs.current_book(), actor="x", reason="hết hạn", at=AT
        )
    actions = [entry.action for entry in audit.entries(limit=10)]
    assert {"reliefs.drafted", "reliefs.reviewed", "reliefs.in-force", "reliefs.closed"} <= set(actions)
    with pytest.raises(UnknownProgrammeError):
        queries.programme_named(name="storm")


def test_a_new_edition_closes_the_one_it_replaces() -> None:
    first = factory.in_force(factory.storm())
    second = factory.in_force(factory.storm(low=20))
    states = {one.id: one.status for one in queries.programmes(code="storm")}
    assert states == {first: "closed", second: "in-force"}


def test_all_programmes_of_the_province_come_into_force() -> None:
    for path in sorted(NGHE_AN.glob("20*.yaml")):
        factory.in_force(path.read_text(encoding="utf-8"), file=path.name)
    book = queries.book_in_force(tariffs.current_book())
    assert {p.code for p in book.programmes} == {"support-30-kwh", *(f"covid-{n}" for n in range(1, 6))}
    with pytest.raises(UnknownProgrammeError, match="say which one"):
        queries.programme_named(name="support-30-kwh")
    assert queries.programme_named(name="support-30-kwh@2025-05-29").valid_by == "last-billed-day"


def test_a_draft_may_exclude_a_draft_but_comes_into_force_after_it() -> None:
    """The fifth round is drafted and simulated beside the fourth; alone it would be set against nothing."""
    texts = {name: (NGHE_AN / name).read_text(encoding="utf-8") for name in (FOURTH, FIFTH)}
    with pytest.raises(PolicyError, match="'covid-4' is not another programme"):
        factory.drafted(texts[FIFTH], file=FIFTH)
    fourth = factory.drafted(texts[FOURTH], file=FOURTH)
    fifth = factory.drafted(texts[FIFTH], file=FIFTH)
    variant = relieve_months.variant_of(name="five", codes=["covid-5"])
    assert variant.programmes == ("covid-5",)
    assert [p.code for p in variant.book.programmes] == ["covid-4", "covid-5"]
    for number in (fourth, fifth):
        with transaction():
            operations.review(programme_id=number, actor=factory.REVIEWER, at=AT)
    with pytest.raises(PolicyError, match="'covid-4' is not another programme"):
        _in_force(fifth)
    assert queries.programme_named(name="covid-5").status == "reviewed"
    _in_force(fourth)
    _in_force(fifth)
    assert {one.status for one in queries.programmes()} == {"in-force"}


def _in_force(number: int) -> None:
    with transaction():
        operations.put_in_force(
            programme_id=number, tariffs=tariffs.current_book(), actor=factory.REVIEWER, at=AT
        )


def test_a_faulty_text_is_told_by_file_key_and_fix() -> None:
    with pytest.raises(PolicyError, match=r"2026-10-storm\.yaml: .*percent: 200"):
        factory.drafted(factory.storm(low=200))
    factory.in_force(factory.storm())
    with pytest.raises(PolicyError, match="order of storm too"):
        factory.drafted(factory.storm(code="other"), file="other.yaml")
    with pytest.raises(PolicyError, match="chart of accounts"):
        factory.drafted(factory.storm(code="other", account="abc", order=7), file="other.yaml")


def test_the_command_line(tmp_path: Path) -> None:
    make_staff(Audience.BILLING, username="lan")
    make_staff(Audience.ADMINISTRATOR, username="minh")
    make_staff(Audience.CASHIER, username="thu")
    file = tmp_path / "storm.yaml"
    file.write_text(factory.storm())
    (made,) = said("draft", str(file), "--by", "lan", "--reason", "bão")
    assert (made["code"], made["status"]) == ("storm", "draft")
    assert "somebody else" in refused("review", "storm", "--by", "lan")
    assert "neither the role" in refused("review", "storm", "--by", "thu")
    assert "no active member of staff" in refused("review", "storm", "--by", "nobody")
    assert said("review", "storm", "--by", "minh")["status"] == "reviewed"
    assert said("put-in-force", "storm", "--by", "minh")["status"] == "in-force"
    assert [row["code"] for row in said("list")] == ["storm"]
    assert "never billed" in refused("simulate", "storm", "--months", "2026-10")
    assert "write it as YYYY-MM" in refused("simulate", "storm", "--months", "10/2026")
    assert "cannot be read" in refused("simulate", "gone.yaml", "--months", "2026-10")
    assert "no relief batch 7" in refused("approve", "7", "--by", "minh")
    assert said("close", "storm", "--by", "lan", "--reason", "xong")["status"] == "closed"
    assert said("batches") == [] and said("evidence", "queue") == [] and said("evidence", "lists") == []


def said(*words: str) -> object:
    result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())
