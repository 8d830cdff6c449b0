"""What premises are used for: recorded by a document, so that every day has one use at most that counts."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import connection

from thapsang.domain.reliefs.models import PremisesUse
from thapsang.domain.reliefs.operations.programmes import person_name
from thapsang.domain.reliefs.queries.books import list_names
from thapsang.domain.reliefs.types import EvidenceError, RecordedUse
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def record_use(
    *,
    supply_point_id: int,
    use: str,
    start: date,
    end: date | None,
    source: str,
    actor: Person | str,
    at: datetime,
    request_id: str = "",
) -> RecordedUse:
    """Record what premises are used for on the days [start, end), by a document; `end` None: until further notice.

    A use inside the days of a longer one takes its place on its own days; after them the longer one holds again. One
    without an end ends what was without an end until then. Raises EvidenceError for an empty source, days that do
    not follow each other, and days that another use has otherwise, which is named with its days.
    """
    if not source.strip() or (end and end <= start):
        raise EvidenceError("Cần số giấy tờ chứng minh, và ngày kết thúc phải sau ngày bắt đầu.")
    with connection.cursor() as cursor:  # two people at once must see each other's entries
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('reliefs_use'), %s)", [supply_point_id])
    ended = _make_room(supply_point_id, start, end)
    made = PremisesUse.objects.create(
        supply_point_id=supply_point_id, use=use, start=start, end=end, source=source.strip(),
        recorded_by=person_name(actor), recorded_at=at,
    )  # fmt: skip
    subject = f"supply-point:{supply_point_id}"
    if ended:
        audit.record(
            actor=actor, action="reliefs.use-ended", subject=subject,
            before={"use": ended.use, "from": ended.start, "until": None},
            after={"use": ended.use, "from": ended.start, "until": start}, reason=source, at=at, request_id=request_id,
        )  # fmt: skip
    audit.record(
        actor=actor, action="reliefs.use-recorded", subject=subject, before=None,
        after={"use": use, "from": start, "until": end}, reason=source, at=at, request_id=request_id,
    )  # fmt: skip
    return RecordedUse(made.pk, ended.use if ended else "")


def _make_room(supply_point_id: int, start: date, end: date | None) -> PremisesUse | None:
    """End the open use a new one without an end takes the place of, and return it; refuse other overlaps."""
    ended = None
    for other in PremisesUse.objects.filter(supply_point_id=supply_point_id).order_by("start"):
        apart = (end is not None and end <= other.start) or (other.end is not None and other.end <= start)
        if apart or _around(other, start, end):
            continue
        if end is None and other.end is None and other.start < start:
            ended = other
            continue
        raise EvidenceError(_told(other))
    if ended:
        ended.end = start
        ended.save(update_fields=["end"])
    return ended


def _around(other: PremisesUse, start: date, end: date | None) -> bool:
    """Tell whether another use has days before and, until the same end at least, around a use that ends."""
    return other.start < start and end is not None and (other.end is None or end <= other.end)


def _told(other: PremisesUse) -> str:
    named = list_names().get(other.use, {}).get("vi", other.use)
    until = f"đến hết {other.end - timedelta(days=1):%d/%m/%Y}" if other.end else "đến khi có ghi khác"
    return (
        f"Địa điểm đã ghi «{named}» từ {other.start:%d/%m/%Y} {until}: chọn ngày không trùng, hoặc ngày nằm trọn trong "
        "thời gian đó."
    )
