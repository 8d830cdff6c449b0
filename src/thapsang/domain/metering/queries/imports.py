"""Imports of readings, the rows they gave back, and what the books still lack."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Count

from thapsang.domain.metering.models import ReadingImport, RejectedReading
from thapsang.domain.metering.queries.refusals import DEFAULT, explain, told
from thapsang.domain.metering.queries.storms import held_by

CSV_COLUMNS = ("serial", "register", "read_on", "value", "quality", "purpose")
"""The columns of a file of readings, in the order of its header."""


@dataclass(frozen=True)
class ImportView:
    """One import; while it runs, `done` of `size` bytes are read (progress)."""

    id: int
    name: str
    channel: str
    status: str
    problem: str
    size: int
    done: int
    rows: int
    accepted: int
    replaced: int
    repeated: int
    rejected: int
    flagged: int
    missing: list[dict[str, Any]]
    started_at: datetime
    finished_at: datetime | None

    @property
    def percent(self) -> int:
        """How much of the file is read, 0–100."""
        return 100 if self.status == "finished" else min(99, self.done * 100 // max(1, self.size))


@dataclass(frozen=True)
class RejectionView:
    """A row that came back (`action` reject) or went in with a word (`flag`): why, and what to do."""

    id: int
    row: int
    raw: dict[str, Any]
    action: str
    code: str
    reason: str
    remedy: str
    resolved_at: datetime | None


@dataclass(frozen=True)
class MissingView:
    """A register of an active point that has no reading on a day it should have."""

    book: str
    point_code: str
    serial: str
    register: str
    held_by: str = ""
    """The storm that holds its estimate back."""


def _view(row: ReadingImport, language: str) -> ImportView:
    names = set(ImportView.__dataclass_fields__) - {"id", "problem"}
    values = {name: getattr(row, name) for name in names}
    return ImportView(id=row.pk, problem=problem_of(row, language), **values)


def problem_of(row: ReadingImport, language: str) -> str:
    """Return why a file was refused and what to do; empty when it was not."""
    return told(row.problem_code, row.problem_figures, language) if row.problem_code else row.problem


def imports(
    *, status: str = "", limit: int = 50, offset: int = 0, language: str = DEFAULT
) -> list[ImportView]:
    """Return imports, newest first; `status` queued, running, finished or refused narrows them.

    `language` (vi, en) is that of `problem`; a file refused long ago keeps the words it was refused with.
    """
    rows = ReadingImport.objects.order_by("-id")
    rows = rows.filter(status=status) if status else rows
    return [_view(row, language) for row in rows[offset : offset + limit]]


def reading_import(*, import_id: int, language: str = DEFAULT) -> ImportView | None:
    """Return one import with its progress, or None."""
    row = ReadingImport.objects.filter(pk=import_id).first()
    return _view(row, language) if row else None


def rejections(
    *,
    import_id: int,
    action: str = "",
    code: str = "",
    limit: int | None = 100,
    offset: int = 0,
    language: str = DEFAULT,
) -> list[RejectionView]:
    """Return the rows an import gave back, by row, with reason and remedy in `language` (vi, en).

    `action` (reject, flag) and `code` narrow them.
    """
    rows = RejectedReading.objects.filter(import_file_id=import_id, resolved_at=None).order_by("row", "id")
    for name, wanted in (("action", action), ("code", code)):
        rows = rows.filter(**{name: wanted}) if wanted else rows
    end = None if limit is None else offset + limit
    return [_rejection(row, language) for row in rows[offset:end].iterator()]


def _rejection(row: RejectedReading, language: str) -> RejectionView:
    reason, remedy = _words(row, language)
    return RejectionView(row.pk, row.row, row.raw, row.action, row.code, reason, remedy, row.resolved_at)


def _words(row: RejectedReading, language: str) -> tuple[str, str]:
    if row.reason:
        return row.reason, row.remedy
    return explain(row.code, {**row.figures, **row.raw}, language)


def rejection_counts(*, import_id: int) -> dict[str, int]:
    """Return how many rows came back for each code."""
    rows = RejectedReading.objects.filter(import_file_id=import_id, resolved_at=None)
    return dict(rows.values_list("code").annotate(Count("id")).order_by("code"))


def rejected_csv(*, import_id: int, language: str = DEFAULT) -> Iterator[str]:
    """Give the rejected rows as a CSV (`;`, UTF-8 with BOM), told in `language`: mend it and import it again.

    The columns row, code, reason and remedy are added; the import does not read them. By the column rejection
    it knows which rejected row a mended one settles.
    """
    yield "\ufeff" + _line(*CSV_COLUMNS, "row", "code", "reason", "remedy", "rejection")
    rows = RejectedReading.objects.filter(import_file_id=import_id, resolved_at=None, action="reject")
    for row in rows.order_by("row", "id").iterator(chunk_size=5000):
        given = [_harmless(row.raw.get(name, "")) for name in CSV_COLUMNS]
        if "line" in row.raw:
            given[0] = _harmless(row.raw["line"])
        yield _line(*given, row.row, row.code, *_words(row, language), row.pk)


def _harmless(text: str) -> str:
    """Keep a cell from being run as a formula by the program that opens the file."""
    formula = text.startswith(("=", "+", "@", "\t", "\r")) or (
        text.startswith("-") and not text[1:].isdecimal()
    )
    return f"'{text}" if formula else text


def _line(*cells: object) -> str:
    sink = io.StringIO()
    csv.writer(sink, delimiter=";").writerow(cells)
    return sink.getvalue()


_MISSING = """
SELECT b.code, p.code, me.serial, r.kind, p.id
FROM customers_supplypoint p JOIN network_readingbook b ON b.id = p.book_id
JOIN metering_installation i ON i.supply_point_id = p.id AND i.start <= %(day)s
     AND (i."end" IS NULL OR i."end" > %(day)s)
JOIN metering_meter me ON me.id = i.meter_id JOIN metering_register r ON r.installation_id = i.id
LEFT JOIN metering_reading m ON m.register_id = r.id AND m.read_on = %(day)s
WHERE p.status = 'active' AND m.register_id IS NULL AND (%(book)s = '' OR b.code = %(book)s)
ORDER BY b.code, p.code, r.id LIMIT %(limit)s OFFSET %(offset)s
"""


def missing_readings(
    *, read_on: date, book: str = "", limit: int = 100, offset: int = 0
) -> list[MissingView]:
    """Return registers of active points without a reading on a day, by book and point.

    Where the day closes a period under storm mode, the storm that holds the estimate back is named.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, {"day": read_on, "book": book, "limit": limit, "offset": offset})
        rows = cursor.fetchall()
    held = held_by(points=[row[-1] for row in rows], closing=read_on)
    return [
        MissingView(in_book, code, serial, kind, held.get(point, ""))
        for in_book, code, serial, kind, point in rows
    ]
