"""Lists from authorities: CSV and XLSX as people make them, whom the rows mean, the queue, the same file twice."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

import pytest
from django.apps import apps

from tests.factories import customers as people
from tests.factories import reliefs as factory
from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.types import EvidenceError, ImportOutcome
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db
AT = factory.AT


OCTOBER = date(2026, 10, 1)


def brought_in(
    content: bytes, *, code: str = "poor-households", start: date | None = OCTOBER
) -> ImportOutcome:
    with transaction():
        return operations.import_list(
            content=content, file_name="danh-sach.csv", code=code, lists=queries.list_scopes(), authority="UBND tỉnh",
            document="QĐ 12", document_date=date(2026, 10, 5), start=start, end=None, actor="lan", at=AT,
        )  # fmt: skip


def sheet(rows: list[list[Any]], *, shared: bool = True) -> bytes:
    """Make a workbook as spreadsheets write it: shared or inline strings, numbers, cells left out."""
    texts: list[str] = []

    def cell(place: int, number: int, value: Any) -> str:
        name = f"{'ABCDEFGH'[place]}{number}"
        if value == "":
            return ""
        if isinstance(value, int):
            return f'<c r="{name}"><v>{value}</v></c>'
        if not shared:
            return f'<c r="{name}" t="inlineStr"><is><r><t>{escape(value)}</t></r></is></c>'
        texts.append(value)
        return f'<c r="{name}" t="s"><v>{len(texts) - 1}</v></c>'

    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    body = "".join(
        f'<row r="{n}">{"".join(cell(i, n, value) for i, value in enumerate(row))}</row>'
        for n, row in enumerate(rows, start=1)
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as book:
        book.writestr(
            "xl/worksheets/sheet1.xml", f"<worksheet {space}><sheetData>{body}</sheetData></worksheet>"
        )
        items = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
        book.writestr("xl/sharedStrings.xml", f"<sst {space}>{items}</sst>")
    return file.getvalue()


@pytest.fixture
def place() -> people.Place:
    return people.make_place()


def evidence() -> list[tuple[Any, ...]]:
    rows = apps.get_model("reliefs.Evidence").objects.order_by("id")
    return list(rows.values_list("code", "supply_point_id", "area", "start", "end"))


def test_by_code_by_name_and_address_unsure_nobody_and_wrong(place: people.Place) -> None:
    an = people.make_supplied(place, serial=1, name="Nguyễn Văn An", address="Số 12 đường Nguyễn Du")
    binh = people.make_supplied(place, serial=2, name="Trần Thị Bình", address="Xóm 3")
    chi = people.make_supplied(place, serial=3, name="Lê Chi", address="Số 5 Lê Lợi")
    content = (
        "\ufeffỦY BAN NHÂN DÂN TỈNH;;;;\nDANH SÁCH HỘ NGHÈO;;;;\n"
        "STT;Mã KH;Họ và tên chủ hộ;Địa chỉ;Xã/phường;Đến ngày\n"
        f"1;{an.customer_code};nguyen van an;;;\n"
        "2;;TRẦN THỊ BÌNH;xóm 3;phường Trường Vinh;31/12/2026\n"
        "3;;Lê Chi;Số 7 Lê Lợi;Trường Vinh;\n"
        f"4;{chi.customer_code};Hoàng Dũng;;;\n"
        "5;;Không Ai;Xóm 1;;\n"
        "6;;Lê Chi;;;40/13/2026\n"
        "7;;;;;\n"
    ).encode()
    outcome = brought_in(content)
    assert (outcome.rows, outcome.sure, outcome.unsure, outcome.none, outcome.bad) == (7, 2, 2, 1, 2)
    assert evidence() == [
        ("poor-households", an.supply_point_id, "", date(2026, 10, 1), None),
        ("poor-households", binh.supply_point_id, "", date(2026, 10, 1), date(2027, 1, 1)),
    ]
    rejected = queries.rejected(list_id=outcome.list_id)
    assert [row.number for row in rejected] == [8, 9, 10]
    assert rejected[1].problem == "ngày '40/13/2026' không đọc được" and "05/10/2026" in rejected[1].remedy
    assert all(row.remedy for row in rejected) and rejected[0].given["Họ và tên chủ hộ"] == "Không Ai"
    first, second = queries.queue()
    assert [first.candidates[0]["point"], second.candidates[0]["point"]] == [chi.supply_point_id] * 2
    with transaction():
        operations.decide_row(row_id=first.id, choice=0, actor="minh", at=AT)
        operations.decide_row(row_id=second.id, choice=None, actor="minh", at=AT)
    assert evidence()[-1][:2] == ("poor-households", chi.supply_point_id) and len(evidence()) == 3
    assert queries.queue() == [] and queries.queue_length() == 0
    with pytest.raises(EvidenceError, match="không chờ quyết định"), transaction():
        operations.decide_row(row_id=first.id, choice=0, actor="minh", at=AT)


def test_the_same_file_twice_changes_nothing(place: people.Place) -> None:
    one = people.make_supplied(place)
    content = f"Mã khách hàng,Từ ngày\n{one.customer_code},2026-10-01\n".encode()
    first, again = brought_in(content, start=None), brought_in(content, start=None)
    assert (first.again, again.again, again.list_id) == (False, True, first.list_id)
    assert len(evidence()) == 1
    (kept,) = queries.lists()
    assert (kept.rows, kept.sure, kept.document) == (1, 1, "QĐ 12")


@pytest.mark.parametrize("shared", [True, False])
def test_a_workbook_with_numbers_for_days_and_gaps(place: people.Place, shared: bool) -> None:
    one = people.make_supplied(place)
    rows = [["Danh sách"], [], ["STT", "Mã khách hàng", "Ghi chú", "Từ ngày", "Đến hết ngày"],
            [1, one.customer_code, "", 46296, "31/10/2026"]]  # fmt: skip
    outcome = brought_in(sheet(rows, shared=shared), start=None)
    assert (outcome.sure, outcome.bad) == (1, 0)
    assert evidence() == [("poor-households", one.supply_point_id, "", date(2026, 10, 1), date(2026, 11, 1))]


def test_localities_by_name_by_code_and_by_team(place: people.Place) -> None:
    content = "Xã, phường;Từ ngày;Đến ngày\nPhường Trường Vinh;1/10/2026;15/10/2026\nnơi nào đó;1/10/2026;\n".encode()
    outcome = brought_in(content, code="directive-16", start=None)
    assert (outcome.sure, outcome.none) == (1, 1)
    assert evidence() == [("directive-16", None, "9VH01", date(2026, 10, 1), date(2026, 10, 16))]


def test_a_customer_with_several_points_waits(place: people.Place) -> None:
    from thapsang.domain.customers import operations as customers

    one = people.make_supplied(place)
    with transaction():
        premises = customers.create_premises(address="Số 9", commune_id=place.commune_id)
        point = customers.create_supply_point(
            customer_code=one.customer_code, premises_id=premises, book_id=place.book_id
        )
        customers.open_agreement(
            number="HD-2", customer_id=one.customer_id, supply_point_id=point, start=date(2020, 1, 1),
            category="residential",
        )  # fmt: skip
    outcome = brought_in(f"Mã KH\n{one.customer_code}\n".encode())
    assert outcome.unsure == 1
    assert {candidate["point"] for candidate in queries.queue()[0].candidates} == {one.supply_point_id, point}
    exact = brought_in(f"Mã điểm đo\n{one.supply_point_code}\n".encode())
    assert exact.sure == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "rỗng"),
        (b"\xff\xfa\x00", "UTF-8"),
        (b"PK\x03\x04 no zip", "XLSX"),
        ("Cột lạ;Cột khác\n1;2\n".encode(), "Mã khách hàng"),
        (sheet([["Mã KH"]]).replace(b"<worksheet", b"<!DOCTYPE"), "XLSX"),
        ('Mã KH;Họ tên\nA;x\n"B;y\nC;z\n'.encode(), "dòng 3"),
        (('Mã KH;Họ tên\n"A;x\n' + "B;y\n" * 50_000).encode(), "dòng 2"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(EvidenceError, match=said):
        brought_in(content)


def test_a_nul_in_a_row_spoils_that_row_only(place: people.Place) -> None:
    one = people.make_supplied(place)
    outcome = brought_in(f"Mã KH\n{one.customer_code}\nPA13\0\n".encode())
    assert (outcome.rows, outcome.sure) == (2, 1)


def test_what_is_missing_is_asked_for() -> None:
    with pytest.raises(EvidenceError, match="Từ ngày"):
        brought_in(b"ma kh\nPA13VH0000001\n", start=None)
    with pytest.raises(EvidenceError, match="chọn một trong"):
        brought_in(b"ma kh\n", code="nothing")


def test_a_use_of_premises_needs_its_paper(place: people.Place) -> None:
    one = people.make_supplied(place)
    with transaction():
        operations.record_use(
            supply_point_id=one.supply_point_id, use="hotel", start=date(2026, 1, 1), end=None, source="GP 12",
            actor="lan", at=AT,
        )  # fmt: skip
    assert queries.uses_of(supply_point_id=one.supply_point_id)[0]["use"] == "hotel"
    with pytest.raises(EvidenceError, match="giấy tờ"), transaction():
        operations.record_use(
            supply_point_id=one.supply_point_id,
            use="hotel",
            start=date(2026, 2, 1),
            end=None,
            source=" ",
            actor="lan",
            at=AT,
        )
