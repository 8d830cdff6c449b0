"""Importing an authority's list, and deciding the rows that were not sure."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any

from thapsang.domain.reliefs.models import Evidence, EvidenceList, EvidenceRow
from thapsang.domain.reliefs.operations.finding import matches
from thapsang.domain.reliefs.operations.listed import checked_rows
from thapsang.domain.reliefs.operations.programmes import person_name
from thapsang.domain.reliefs.operations.sheets import rows_of
from thapsang.domain.reliefs.types import EvidenceError, ImportOutcome, ListRow, Match
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.files import operations as files

_BATCH = 2_000


@transaction_required
def import_list(
    *,
    content: bytes,
    file_name: str,
    code: str,
    lists: dict[str, str],
    authority: str,
    document: str,
    document_date: date,
    start: date | None,
    end: date | None,
    actor: Person | str,
    at: datetime,
    request_id: str = "",
) -> ImportOutcome:
    """Import a list (CSV or XLSX) under its document; the same file for the same list changes nothing.

    `lists` is scope (point, area) by code of the vocabulary; `start` and `end` (exclusive) hold where the file gives no
    days. Sure rows count at once, unsure ones wait in the queue, the others come back with reason and remedy. The
    file itself is kept. Raises EvidenceError for a file or a list that cannot be used.
    """
    if code not in lists:
        raise EvidenceError(f"Không có danh sách {code!r}: chọn một trong {', '.join(lists)}.")
    if not authority.strip() or not document.strip():
        raise EvidenceError("Thiếu cơ quan gửi hoặc số văn bản: danh sách nào cũng phải có cả hai.")
    kept = files.store(
        content=content, name=file_name, media_type=_media_type(content), purpose="relief-evidence"
    )
    known = EvidenceList.objects.filter(code=code, file_sha256=kept.sha256).first()
    if known:
        return _outcome(known, again=True)
    rows = checked_rows(rows_of(content), scope=lists[code], start=start, end=end)
    made = EvidenceList.objects.create(
        code=code, authority=authority.strip(), document=document.strip(), document_date=document_date,
        file_name=file_name[-255:], file_sha256=kept.sha256, imported_by=person_name(actor), imported_at=at,
    )  # fmt: skip
    _keep(made, rows, matches(rows, scope=lists[code]))
    outcome = _outcome(made, again=False)
    audit.record(
        actor=actor, action="reliefs.list-imported", subject=f"relief-list:{made.pk}", before=None,
        after={"list": code, "document": document, "rows": outcome.rows, "sure": outcome.sure}, reason="", at=at,
        request_id=request_id,
    )  # fmt: skip
    return outcome


def _media_type(content: bytes) -> str:
    if content.startswith(b"PK"):
        return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return "text/csv"


def _keep(made: EvidenceList, rows: list[ListRow], found: list[Match]) -> None:
    kept = EvidenceRow.objects.bulk_create(
        [
            EvidenceRow(
                list=made, number=row.number, given=_given(row),
                match=match.kind, candidates=list(match.candidates), problem=match.problem, remedy=match.remedy,
            )
            for row, match in zip(rows, found, strict=True)
        ],
        batch_size=_BATCH,
    )  # fmt: skip
    Evidence.objects.bulk_create(
        [
            Evidence(list=made, row=row, code=made.code, start=given.start, end=given.end, **owner)
            for row, given, match in zip(kept, rows, found, strict=True) if given.start
            for owner in _owners(match)
        ],
        batch_size=_BATCH,
    )  # fmt: skip


def _given(row: ListRow) -> dict[str, str]:
    """Return the row as given, with the days that hold for it under names no header has."""
    return {**row.given, "_from": str(row.start or ""), "_until": str(row.end or "")}


def _owners(match: Match) -> list[dict[str, Any]]:
    return [
        *({"supply_point_id": point} for point in match.points),
        *({"area": area} for area in match.areas),
    ]


def _outcome(made: EvidenceList, *, again: bool) -> ImportOutcome:
    counts = Counter(EvidenceRow.objects.filter(list=made).values_list("match", flat=True))
    return ImportOutcome(
        made.pk, made.code, again, sum(counts.values()), *(counts[kind] for kind in ("sure", "unsure", "none", "bad"))
    )  # fmt: skip


@transaction_required
def decide_row(
    *, row_id: int, choice: int | None, actor: Person | str, at: datetime, request_id: str = ""
) -> None:
    """Decide an unsure row: `choice` is the place (from 0) of the right candidate, None that none of them is meant.

    Raises EvidenceError when the row is not waiting or has no such candidate.
    """
    row = EvidenceRow.objects.select_for_update().filter(pk=row_id, match="unsure", decision="").first()
    if row is None:
        raise EvidenceError(f"Dòng {row_id} không chờ quyết định: có thể người khác vừa xử lý.")
    if choice is not None and not 0 <= choice < len(row.candidates):
        raise EvidenceError(f"Dòng {row_id} không có lựa chọn thứ {choice + 1}.")
    row.decision = "refused" if choice is None else "taken"
    row.decided_by, row.decided_at = person_name(actor), at
    row.save(update_fields=["decision", "decided_by", "decided_at"])
    if choice is not None:
        taken = row.candidates[choice]
        owner = {"supply_point_id": taken["point"]} if "point" in taken else {"area": taken["area"]}
        days = (row.given.get("_from"), row.given.get("_until") or None)
        Evidence.objects.create(
            list_id=row.list_id, row=row, code=row.list.code, start=days[0], end=days[1], **owner
        )
    audit.record(
        actor=actor, action="reliefs.row-decided", subject=f"relief-list:{row.list_id}", before=None,
        after={"row": row.number, "decision": row.decision}, reason="", at=at, request_id=request_id,
    )  # fmt: skip
