"""Lists as real spreadsheet programs write them: what XlsxWriter and openpyxl save is read as people meant it."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from tests.factories import customers as people
from tests.integration.test_relief_evidence import brought_in, evidence
from thapsang.domain.reliefs import queries
from thapsang.domain.reliefs.operations.sheets import rows_of
from thapsang.domain.reliefs.types import EvidenceError

HEADERS = ["STT", "Mã khách hàng", "Họ và tên", "Địa chỉ", "Từ ngày", "Đến hết ngày", "Số hộ"]


def by_xlsxwriter(rows: list[tuple[str, str]], **options: Any) -> bytes:
    """Save a list as Excel would: a merged title, a blank row, styled days, numbers as text, formulas with results."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, **options}) as book:
        sheet = book.add_worksheet("Danh sách")
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        title = book.add_format({"bold": True, "align": "center"})
        sheet.merge_range(0, 0, 0, 6, "DANH SÁCH HỘ NGHÈO XÃ TRƯỜNG VINH", title)
        sheet.write_row(2, 0, HEADERS)
        for place, (code, name) in enumerate(rows):
            at = 3 + place
            sheet.write_formula(at, 0, f"=ROW()-{at}", None, place + 1)
            sheet.write_string(at, 1, code)
            sheet.write_rich_string(at, 2, book.add_format({"bold": True}), name[:3], name[3:] or " ")
            sheet.write_formula(at, 3, '="Số "&12', None, "Số 12")
            sheet.write_datetime(at, 4, date(2026, 10, 1), day)
            sheet.write_string(at, 5, "31/12/2026")
            sheet.write_string(at, 6, "2")
        book.add_worksheet("Ghi chú").write(0, 0, "Không phải danh sách")
    return file.getvalue()


def by_openpyxl(rows: list[tuple[str, str]]) -> bytes:
    """Save the same list as openpyxl does, its second sheet made first, with a time of day beside a day."""
    book = openpyxl.Workbook(iso_dates=True)
    notes = book.active
    assert notes is not None
    notes.title = "Ghi chú"
    notes["A1"] = "Không phải danh sách"
    sheet = book.create_sheet("Danh sách", 0)
    sheet["A1"] = "DANH SÁCH HỘ NGHÈO"
    sheet.merge_cells("A1:G1")
    for column, head in enumerate(HEADERS, start=1):
        sheet.cell(3, column, head)
    for at, (code, name) in enumerate(rows, start=4):
        bold = TextBlock(InlineFont(b=True), name[:3])
        values = [
            at - 3,
            code,
            CellRichText(bold, name[3:]),
            "Số 12",
            datetime(2026, 10, 1, 8, 30),  # noqa: DTZ001 - a cell knows no zone
            date(2026, 12, 31),
            "2",
        ]
        for column, value in enumerate(values, start=1):
            sheet.cell(at, column, value)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def in_strings(rows: list[tuple[str, str]]) -> bytes:
    """Save with texts in the cells themselves, as a program that writes row by row does."""
    return by_xlsxwriter(rows, constant_memory=True)


WRITERS = pytest.mark.parametrize("write", [by_xlsxwriter, in_strings, by_openpyxl])


@WRITERS
def test_cells_are_read_as_people_see_them(write: Callable[..., bytes]) -> None:
    rows = rows_of(write([("PA13VH0000001", "Nguyễn Thị Ánh"), ("PA13VH0000002", "Lê Ô")]))
    assert rows[2] == HEADERS and rows[1] == []
    number, code, name, address, start, end, households = rows[3]
    assert (number, code, name, address, households) == ("1", "PA13VH0000001", "Nguyễn Thị Ánh", "Số 12", "2")
    assert start.startswith("2026-10-01") and end.startswith(("31/12/2026", "2026-12-31"))
    assert [row[1] for row in rows[3:]] == ["PA13VH0000001", "PA13VH0000002"]


@pytest.mark.django_db
@WRITERS
def test_a_real_workbook_becomes_evidence(write: Callable[..., bytes]) -> None:
    place = people.make_place()
    one = people.make_supplied(place, serial=1, name="Nguyễn Thị Ánh")
    outcome = brought_in(
        write([(one.customer_code, "Nguyễn Thị Ánh"), ("PA13VH0999999", "Không Ai Cả")]), start=None
    )
    assert (outcome.rows, outcome.sure, outcome.none, outcome.bad) == (2, 1, 1, 0)
    assert evidence() == [("poor-households", one.supply_point_id, "", date(2026, 10, 1), date(2027, 1, 1))]
    [back] = queries.rejected(list_id=outcome.list_id)
    assert back.number == 5, "the row as the spreadsheet counts it"


def test_a_row_a_program_left_out_still_counts() -> None:
    """Spreadsheets do not write empty rows: what comes back to the authority names the row they see."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "Mã khách hàng")
        sheet.write(6, 0, "PA13VH0000001")
    rows = rows_of(file.getvalue())
    assert (len(rows), rows[6], rows[3]) == (7, ["PA13VH0000001"], [])


def test_a_row_far_below_is_no_memory() -> None:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "Mã khách hàng")
        sheet.write(1_048_575, 16_383, "x")
    with pytest.raises(EvidenceError, match="cột"):
        rows_of(file.getvalue())


def test_dates_of_1904_are_days_all_the_same() -> None:
    rows = rows_of(by_xlsxwriter([("PA13VH0000001", "Lê Ô")], date_1904=True))
    assert rows[3][4] == "2026-10-01"
