"""From the rows of an authority's list to checked rows: which column is what, days, faults with their remedy."""

from __future__ import annotations

import re
from datetime import date, timedelta

from thapsang.domain.customers.types import fold_words
from thapsang.domain.reliefs.types import EvidenceError, ListRow

_HEADERS: dict[str, tuple[str, ...]] = {
    "code": ("ma khach hang", "ma kh", "makh", "ma so khach hang", "ma diem do", "ma dd", "customer code"),
    "name": ("ho va ten", "ho ten", "ten khach hang", "ten chu ho", "chu ho", "ho va ten chu ho", "ten co so",
             "ten don vi", "ten kh", "name"),
    "address": ("dia chi", "dia chi dung dien", "noi o", "noi thuong tru", "dia chi thuong tru", "thon xom", "address"),
    "locality": ("xa phuong", "xa phuong thi tran", "phuong xa", "xa", "phuong", "dia phuong", "dia ban",
                 "don vi hanh chinh", "quan huyen", "huyen", "khu vuc", "locality"),
    "start": ("tu ngay", "ngay bat dau", "ap dung tu", "ap dung tu ngay", "hieu luc tu", "from"),
    "end": ("den ngay", "den het ngay", "ngay ket thuc", "ap dung den", "ap dung den ngay", "hieu luc den", "until"),
}  # fmt: skip
_SEARCHED = 15
"""A title, the authority and the date often stand above the header: it is sought among so many rows."""
_EPOCH = date(1899, 12, 30)
"""Day 0 of a spreadsheet's numbers for days."""


def checked_rows(rows: list[list[str]], *, scope: str, start: date | None, end: date | None) -> list[ListRow]:
    """Return the rows of a list with what their columns say; `number` counts the file's rows from 1.

    `scope` is point or area; `start` and `end` (exclusive) hold where the list gives no days; a day in a column
    "đến ngày" is the last one that counts. A row that cannot be used has problem and remedy. Raises EvidenceError
    when no header is found or days are given nowhere.
    """
    place, columns = _header(rows, scope)
    if "start" not in columns and start is None:
        raise EvidenceError(
            "Danh sách không có cột «Từ ngày»: thêm cột đó, hoặc cho ngày bắt đầu của cả danh sách khi nạp."
        )
    found = []
    for number, cells in enumerate(rows[place + 1 :], start=place + 2):
        if any(cells):
            given = {
                rows[place][i]: cells[i] for i in range(min(len(cells), len(rows[place]))) if rows[place][i]
            }
            values = {name: cells[i] if i < len(cells) else "" for name, i in columns.items()}
            found.append(_row(number, given, values, scope, start, end))
    return found


def _header(rows: list[list[str]], scope: str) -> tuple[int, dict[str, int]]:
    wanted = ("code", "name") if scope == "point" else ("locality",)
    for place, cells in enumerate(rows[:_SEARCHED]):
        columns: dict[str, int] = {}
        for i, cell in enumerate(cells):
            folded = " ".join(fold_words(cell))
            for name, spellings in _HEADERS.items():
                if folded in spellings:
                    columns.setdefault(name, i)
        if any(name in columns for name in wanted):
            return place, columns
    said = "«Mã khách hàng» hoặc «Họ và tên»" if scope == "point" else "«Xã, phường»"
    raise EvidenceError(
        f"Không thấy dòng tiêu đề có cột {said} trong {_SEARCHED} dòng đầu: sửa tên cột rồi nạp lại."
    )


def _row(
    number: int,
    given: dict[str, str],
    values: dict[str, str],
    scope: str,
    start: date | None,
    end: date | None,
) -> ListRow:
    named = {name: values.get(name, "") for name in ("code", "name", "address", "locality")}
    named["code"] = re.sub(r"\s", "", named["code"]).upper()
    problem = remedy = ""
    first, last = start, end
    try:
        first = _day(values["start"]) if values.get("start") else start
        last = _day(values["end"]) + timedelta(days=1) if values.get("end") else end
    except ValueError as error:
        problem, remedy = f"ngày {error} không đọc được", "ghi ngày dạng 05/10/2026"
    if not problem and first is None:
        problem, remedy = "thiếu ngày bắt đầu", "ghi ngày vào cột «Từ ngày»"
    elif first and last and last <= first:
        problem, remedy = "ngày kết thúc trước ngày bắt đầu", "sửa một trong hai ngày"
    elif not problem and not any(
        named[name] for name in (("code", "name") if scope == "point" else ("locality",))
    ):
        problem, remedy = (
            "dòng không nêu khách hàng hoặc địa phương nào",
            "điền mã khách hàng, họ tên, hoặc xã",
        )
    return ListRow(number=number, given=given, start=first, end=last, problem=problem, remedy=remedy, **named)


def _day(text: str) -> date:
    """Read 05/10/2026, 2026-10-05, 5.10.2026 or a spreadsheet's number of a day; raises ValueError with the text."""
    try:
        if text.isdigit() and len(text) == 5:
            return _EPOCH + timedelta(days=int(text))
        parts = [int(part) for part in re.split(r"[-/.]+", re.split(r"[T ]", text, maxsplit=1)[0])]
        year, month, day = parts if parts[0] > 1900 else reversed(parts)
        return date(year, month, day)
    except (ValueError, OverflowError) as error:
        raise ValueError(repr(text)) from error
