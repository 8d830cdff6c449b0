"""Uses of premises: every day has one that counts, whatever is recorded in whatever order."""

from __future__ import annotations

from datetime import date

import pytest

from tests.factories import customers as people
from tests.factories import reliefs as factory
from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.types import EvidenceError, RecordedUse
from thapsang.kit.audit import queries as audit
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db
AT = factory.AT


@pytest.fixture
def place() -> people.Place:
    return people.make_place()


@pytest.mark.parametrize(
    ("start", "end", "kept"),
    [
        # Until further notice: the open one ends there.
        (date(2026, 3, 1), None, [("hotel", date(2026, 1, 1), date(2026, 3, 1)), ("storage", date(2026, 3, 1), None)]),
        # For a while: the hotel is a hotel again afterwards.
        (date(2026, 3, 1), date(2026, 4, 1),
         [("hotel", date(2026, 1, 1), None), ("storage", date(2026, 3, 1), date(2026, 4, 1))]),
        # Before it: nothing in common.
        (date(2025, 3, 1), date(2026, 1, 1),
         [("storage", date(2025, 3, 1), date(2026, 1, 1)), ("hotel", date(2026, 1, 1), None)]),
        # Over its beginning, or over all of it: refused.
        (date(2025, 12, 1), date(2026, 2, 1), None),
        (date(2025, 12, 1), None, None),
    ],
)  # fmt: skip
def test_every_day_has_one_use(
    place: people.Place, start: date, end: date | None, kept: list[tuple[str, date, date | None]] | None
) -> None:
    point = people.make_supplied(place).supply_point_id
    recorded(point, "hotel", date(2026, 1, 1), None)
    if kept is None:
        with pytest.raises(EvidenceError, match="«Cơ sở lưu trú du lịch» từ 01/01/2026 đến khi có ghi khác"):
            recorded(point, "storage", start, end)
        kept = [("hotel", date(2026, 1, 1), None)]
    else:
        made = recorded(point, "storage", start, end)
        assert made.ended == ("hotel" if end is None else "")
    uses = queries.uses_of(supply_point_id=point)
    assert [(use["use"], use["start"], use["end"]) for use in uses] == kept


def test_an_ended_use_is_in_the_audit_log_and_a_batch_computed_before_is_computed_again(
    place: people.Place,
) -> None:
    point = people.make_supplied(place).supply_point_id
    recorded(point, "hotel", date(2026, 1, 1), None)
    mark = queries.evidence_mark()
    recorded(point, "storage", date(2026, 3, 1), None)
    assert queries.evidence_mark() != mark
    entry = next(e for e in audit.entries(limit=5) if e.action == "reliefs.use-ended")
    assert (entry.before["until"], entry.after["until"]) == (None, "2026-03-01")
    with pytest.raises(EvidenceError, match="đến hết 28/02/2026"):
        recorded(point, "hospital", date(2026, 2, 1), date(2026, 3, 2))


def recorded(point: int, use: str, start: date, end: date | None) -> RecordedUse:
    with transaction():
        return operations.record_use(
            supply_point_id=point, use=use, start=start, end=end, source="GP 12", actor="lan", at=AT
        )
