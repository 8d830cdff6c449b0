"""Three lives from April 2020 to October 2026, day by day through the real journeys (docs/domain/scenarios.md)."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.factories import einvoice
from tests.scenarios.travel import story
from tests.scenarios.travel.happenings import live
from tests.scenarios.travel.traveller import Traveller
from thapsang.config import ports
from thapsang.domain.invoices import operations as invoices

YEARS = Path(__file__).parent / "years"
POLICIES = Path(__file__).parents[2] / "policies"
SERIES = "from: 2025-06-01"


@pytest.fixture
def travelling(settings: Any, tmp_path: Path) -> Any:
    """Policies with a series since 2020, a key whose certificate covers the years, files of its own.

    The product's series begins with decree 70/2025; that earlier invoices stood in the same form is an assumption of
    these stories, made so that every bill has an invoice to agree with.
    """
    shutil.copytree(POLICIES, tmp_path / "policies")
    file = tmp_path / "policies" / "nghe-an" / "invoices" / "series.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count(SERIES) == 1
    file.write_text(text.replace(SERIES, "from: 2020-01-01"), encoding="utf-8")
    settings.POLICIES, settings.FILES = tmp_path / "policies", tmp_path / "files"
    years = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    key = einvoice.signer(valid_from=years[0], valid_until=years[1])
    invoices.use_key(lambda: key)
    yield
    invoices.use_key(ports.seller_key)


def lives() -> list[Path]:
    """The province first, then the lives in it."""
    return sorted(YEARS.glob("*.yaml"), key=lambda file: (file.stem != "province", file.stem))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("travelling")
def test_the_lives_come_to_the_figures_worked_out_by_hand() -> None:
    traveller = Traveller()
    for one in story.load(lives()).days():
        live(traveller, one)
    for period in sorted(traveller.world.touched):
        traveller.proof.month(f"at the end {period:%Y-%m}", period)
        traveller.proof.invoices(f"at the end {period:%Y-%m}", period)
    traveller.proof.numbers("at the end")
    traveller.proof.audit("at the end")
    if traveller.proof.found:
        pytest.fail(traveller.proof.told(), pytrace=False)
