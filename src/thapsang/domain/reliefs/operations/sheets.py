"""Lists as authorities send them: the rows of a CSV file or of the first sheet of an XLSX workbook, as text.

A workbook is a zip of XML; of it we need the cells' texts and nothing else, so it is read here (docs/adr/0019).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree

from thapsang.domain.reliefs.types import EvidenceError

MOST_BYTES = 200 << 20
"""A workbook that unpacks to more is refused: no list of people is that large."""
_SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SAVE_AS = "Mở tệp bằng bảng tính, lưu lại dạng .xlsx hoặc «CSV UTF-8», rồi nạp lại."


def rows_of(content: bytes) -> list[list[str]]:
    """Return the rows of a CSV (UTF-8 or UTF-16; comma, semicolon or tab) or XLSX file, cells stripped.

    Raises EvidenceError saying what is wrong with the file and what to do.
    """
    if not content:
        raise EvidenceError("Tệp rỗng (0 byte). Xin tệp khác rồi nạp lại.")
    return _workbook(content) if content.startswith(b"PK") else _csv(content)


def _csv(content: bytes) -> list[list[str]]:
    coding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = content.decode(coding)
    except UnicodeDecodeError as error:
        raise EvidenceError(f"Tệp không phải UTF-8 (byte {error.start}). {_SAVE_AS}") from error
    head = text[:10_000]
    delimiter = max(";,\t", key=head.count)
    return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]


def _workbook(content: bytes) -> list[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            if sum(item.file_size for item in book.infolist()) > MOST_BYTES:
                raise EvidenceError("Tệp XLSX quá lớn. Chia danh sách thành nhiều tệp rồi nạp từng tệp.")
            shared = _shared(book)
            return list(_cells(_part(book, _first_sheet(book)), shared))
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, IndexError, ValueError) as error:
        if isinstance(error, EvidenceError):
            raise
        raise EvidenceError(f"Không đọc được tệp XLSX ({error}). {_SAVE_AS}") from error


def _part(book: zipfile.ZipFile, name: str) -> ElementTree.Element:
    text = book.read(name)
    if b"<!DOCTYPE" in text[:2000] or b"<!ENTITY" in text:
        raise EvidenceError(f"Tệp XLSX có khai báo lạ (DOCTYPE). {_SAVE_AS}")
    return ElementTree.fromstring(text)  # noqa: S314 - no DOCTYPE, hence no entities


def _first_sheet(book: zipfile.ZipFile) -> str:
    names = sorted(
        (name for name in book.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name)),
        key=lambda name: int(re.sub(r"\D", "", name)),
    )
    return names[0]


def _shared(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    return [_text(item) for item in _part(book, "xl/sharedStrings.xml").iter(f"{_SPACE}si")]


def _text(item: ElementTree.Element) -> str:
    return "".join(part.text or "" for part in item.iter(f"{_SPACE}t"))


def _cells(sheet: ElementTree.Element, shared: list[str]) -> Iterator[list[str]]:
    for row in sheet.iter(f"{_SPACE}row"):
        found: dict[int, str] = {}
        for place, cell in enumerate(row.iter(f"{_SPACE}c")):
            found[_column(cell.get("r", ""), place)] = _value(cell, shared).strip()
        yield [found.get(place, "") for place in range(max(found, default=-1) + 1)]


def _column(reference: str, place: int) -> int:
    """Return the number of a cell's column from its reference (`C7` → 2), or its place in the row."""
    letters = re.match(r"[A-Z]+", reference)
    if not letters:
        return place
    number = 0
    for letter in letters[0]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _value(cell: ElementTree.Element, shared: list[str]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _text(cell)
    value = cell.findtext(f"{_SPACE}v") or ""
    if kind == "s" and value:
        return shared[int(value)]
    return value.removesuffix(".0") if kind == "n" else value
