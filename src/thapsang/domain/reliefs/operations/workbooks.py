"""XLSX workbooks as spreadsheets write them: the texts of the first sheet's cells, days as days, rows as numbered.

A workbook is a zip of XML; of it we need the cells' texts and nothing else, so it is read here (docs/adr/0019).
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from xml.etree import ElementTree

from thapsang.domain.reliefs.types import EvidenceError

MOST_BYTES = 200 << 20
"""A workbook that unpacks to more is refused: no list of people is that large."""
MOST_COLUMNS = 200
MOST_EMPTY_ROWS = 10_000
"""More empty rows before a filled one are a cell strayed to the sheet's end, not a list."""
SAVE_AS = "Mở tệp bằng bảng tính, lưu lại dạng .xlsx hoặc «CSV UTF-8», rồi nạp lại."
_DAY_ZERO = {False: date(1899, 12, 30), True: date(1904, 1, 1)}
"""Day 0 of a workbook's numbers for days, by whether it counts from 1904 as old ones of the Macintosh do."""
_DAY_FORMATS = {*range(14, 18), 22}
"""The numbers of the formats for days that every spreadsheet knows without naming them."""
_NOT_DAYS = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_ANY = "{*}"


@dataclass(frozen=True)
class _Book:
    shared: list[str]
    day_styles: frozenset[int]
    day_zero: date


def workbook_rows(content: bytes) -> list[list[str]]:
    """Return the rows of a workbook's first sheet as it numbers them, cells stripped, days as 2026-10-01.

    Raises EvidenceError saying what is wrong with the file and what to do.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if sum(item.file_size for item in parts.infolist()) > MOST_BYTES:
                raise EvidenceError("Tệp XLSX quá lớn. Chia danh sách thành nhiều tệp rồi nạp từng tệp.")
            sheet, from_1904 = _first_sheet(parts)
            book = _Book(_shared(parts), _day_styles(parts), _DAY_ZERO[from_1904])
            return list(_rows(_part(parts, sheet), book))
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, IndexError, ValueError) as error:
        if isinstance(error, EvidenceError):
            raise
        raise EvidenceError(f"Không đọc được tệp XLSX ({error}). {SAVE_AS}") from error


def _part(parts: zipfile.ZipFile, name: str) -> ElementTree.Element:
    text = parts.read(name)
    if b"<!DOCTYPE" in text[:2000] or b"<!ENTITY" in text:
        raise EvidenceError(f"Tệp XLSX có khai báo lạ (DOCTYPE). {SAVE_AS}")
    return ElementTree.fromstring(text)  # noqa: S314 - no DOCTYPE, hence no entities


def _first_sheet(parts: zipfile.ZipFile) -> tuple[str, bool]:
    """Return the file of the sheet people see first, and whether days count from 1904; without a workbook, by name."""
    names = parts.namelist()
    if "xl/workbook.xml" in names and "xl/_rels/workbook.xml.rels" in names:
        book = _part(parts, "xl/workbook.xml")
        files = {one.get("Id"): one.get("Target", "") for one in _part(parts, "xl/_rels/workbook.xml.rels")}
        settings = book.find(f"{_ANY}workbookPr")
        from_1904 = settings is not None and settings.get("date1904") in {"1", "true"}
        for sheet in book.iterfind(f".//{_ANY}sheet"):
            link = next((value for name, value in sheet.items() if name.endswith("}id")), "")
            file = posixpath.normpath(posixpath.join("/xl", files.get(link, ""))).lstrip("/")
            if file in names and sheet.get("state", "visible") == "visible":
                return file, from_1904
    found = [name for name in names if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name)]
    return min(found, key=lambda name: int(re.sub(r"\D", "", name))), False


def _shared(parts: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in parts.namelist():
        return []
    return [_text(item) for item in _part(parts, "xl/sharedStrings.xml").iterfind(f".//{_ANY}si")]


def _text(item: ElementTree.Element) -> str:
    """Return a text, plain or in runs of different looks, without the readings that stand above East Asian words."""
    runs = [part for part in item if not part.tag.endswith("}rPh")]
    return "".join(part.text or "" for run in runs for part in run.iter() if part.tag.endswith("}t"))


def _day_styles(parts: zipfile.ZipFile) -> frozenset[int]:
    """Return the numbers of the cell styles that show a number as a day."""
    if "xl/styles.xml" not in parts.namelist():
        return frozenset()
    styles = _part(parts, "xl/styles.xml")
    own = {
        int(one.get("numFmtId", "0"))
        for one in styles.iterfind(f".//{_ANY}numFmt")
        if re.search("[dy]", _NOT_DAYS.sub("", one.get("formatCode", "")).lower())
    }
    cells = styles.find(f"{_ANY}cellXfs")
    kinds = [int(one.get("numFmtId", "0")) for one in cells] if cells is not None else []
    return frozenset(place for place, kind in enumerate(kinds) if kind in _DAY_FORMATS | own)


def _rows(sheet: ElementTree.Element, book: _Book) -> Iterator[list[str]]:
    """Give the rows; those a spreadsheet left out because they are empty are given as empty."""
    given = 0
    for row in sheet.iterfind(f".//{_ANY}row"):
        found: dict[int, str] = {}
        for place, cell in enumerate(row.iterfind(f".//{_ANY}c")):
            value = _value(cell, book).strip()
            if value:
                found[_column(cell.get("r", ""), place)] = value
        number = int(row.get("r") or given + 1)
        if not found:
            continue
        if max(found) >= MOST_COLUMNS or number - given > MOST_EMPTY_ROWS:
            raise EvidenceError(
                f"Có ô ghi chữ lạc xa danh sách (dòng {number}, cột thứ {max(found) + 1}): xóa ô đó rồi nạp lại."
            )
        yield from ([] for _ in range(number - given - 1))
        yield [found.get(place, "") for place in range(max(found) + 1)]
        given = max(number, given + 1)


def _column(reference: str, place: int) -> int:
    """Return the number of a cell's column from its reference (`C7` → 2), or its place in the row."""
    letters = re.match(r"[A-Z]+", reference)
    if not letters:
        return place
    number = 0
    for letter in letters[0]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _value(cell: ElementTree.Element, book: _Book) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inside = cell.find(f"{_ANY}is")
        return "" if inside is None else _text(inside)
    value = cell.findtext(f"{_ANY}v") or ""
    if kind == "s" and value:
        return book.shared[int(value)]
    if kind != "n" or not value:
        return value
    if int(cell.get("s", "0")) in book.day_styles:
        return str(book.day_zero + timedelta(days=int(float(value))))
    return value.removesuffix(".0")
