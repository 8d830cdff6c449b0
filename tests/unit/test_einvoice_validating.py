"""Our schema and rules: what they take, and how they say what is wrong."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.factories.einvoice import SIGNED_AT, invoice, signer
from thapsang.engines import einvoice
from thapsang.engines.einvoice import Problem, bare, draft, sign, validate

GOLDEN = Path(__file__).parents[1] / "golden" / "einvoice"
PLAIN = bare(draft(invoice())).decode()


def problems(old: str, new: str, *, every: bool = False) -> list[Problem]:
    assert old in PLAIN
    return validate(PLAIN.replace(old, new, -1 if every else 1).encode())


@pytest.mark.parametrize("name", ["invoice", "adjustment", "replacement", "envelope", "signed"])
def test_kept_samples_pass_here_and_in_libxml2(name: str) -> None:
    data = (GOLDEN / f"{name}.xml").read_bytes()
    assert validate(data) == []
    with (files(einvoice) / "hoa-don-2.1.0.xsd").open("rb") as stream:
        schema = etree.XMLSchema(etree.parse(stream))
    schema.assertValid(etree.fromstring(data))


def test_a_signature_in_place_passes() -> None:
    assert validate(sign(invoice(), signer(), at=SIGNED_AT)) == []


@pytest.mark.parametrize(
    ("old", "new", "element", "remedy"),
    [
        ("<PBan>2.1.0</PBan>", "<PBan>2.0.1</PBan>", "HDon/DLHDon/TTChung/PBan", "2.1.0"),
        ("<PBan>2.1.0</PBan>", "", "HDon/DLHDon/TTChung/THDon", "has PBan"),
        ("<KHMSHDon>1<", "<KHMSHDon>A<", "HDon/DLHDon/TTChung/KHMSHDon", "one digit"),
        ("<KHHDon>C26TNA<", "<KHHDon>C26TN<", "HDon/DLHDon/TTChung/KHHDon", "C26TNA"),
        ("<SHDon>75757<", "<SHDon>0<", "HDon/DLHDon/TTChung/SHDon", "1 to 8 digits"),
        ("<NLap>2026-11-23<", "<NLap>23/11/2026<", "HDon/DLHDon/TTChung/NLap", "YYYY-MM-DD"),
        ("<MST>9900000104<", "<MST>99<", "HDon/DLHDon/NDHDon/NBan/MST", "10 digits"),
        ("<CCCDan>040190000001<", "<CCCDan>x<", "HDon/DLHDon/NDHDon/NMua/CCCDan", "12 digits"),
        (
            "<ThTien>99200<",
            "<ThTien>99.200,00<",
            "HDon/DLHDon/NDHDon/DSHHDVu/HHDVu[1]/ThTien",
            "no thousands mark",
        ),
        ("<TSuat>8%<", "<TSuat>0.08<", "HDon/DLHDon/NDHDon/DSHHDVu/HHDVu[1]/TSuat", "8%, 10%"),
        ("<TChat>1<", "<TChat>9<", "HDon/DLHDon/NDHDon/DSHHDVu/HHDVu[1]/TChat", "1 goods"),
        ("</NBan><NMua>", "</NBan><Them/><NMua>", "HDon/DLHDon/NDHDon/Them", "has NMua"),
        ("</DLHDon>", "</DLHDon><Them/>", "HDon/Them", ""),
        ("</DLHDon>", "<Them/></DLHDon>", "HDon/DLHDon/Them", "Nothing more"),
        (' Id="HD-', ' Ma="HD-', "HDon/DLHDon", "attribute Id"),
        ("<HDon>", '<HDon xmlns="urn:x">', "HDon", "no namespace"),
    ],
)
def test_the_schema_names_element_line_and_remedy(old: str, new: str, element: str, remedy: str) -> None:
    found = problems(old, new)
    assert found
    assert found[0].element == element
    assert remedy in found[0].remedy
    assert found[0].line == 2 and found[0].code == "schema"


def test_a_missing_last_child_is_named() -> None:
    start, end = PLAIN.index("<TgTTTBChu>"), PLAIN.index("</TToan>")
    (problem,) = validate((PLAIN[:start] + PLAIN[end:]).encode())
    assert problem.element == "HDon/DLHDon/NDHDon/TToan" and problem.remedy == "Add TgTTTBChu."


def test_content_is_not_repeated_for_wrong_values() -> None:
    found = problems("<CCCDan>040190000001<", "<CCCDan>04019000000<")
    assert "04019000000" not in f"{found}"


@pytest.mark.parametrize(
    ("old", "new", "code", "element"),
    [
        ("<KHHDon>C26TNA<", "<KHHDon>C25TNA<", "series-year", "KHHDon"),
        ("<MSTTCGP>9900000104<", "<MSTTCGP>9900000105<", "tax-code", "MSTTCGP"),
        ("<MST>9900000104<", "<MST>9900000105<", "tax-code", "MST"),
        ("<ThTien>99200<", "<ThTien>99300<", "sum", "ThTien"),
        ("<TThue>35176<", "<TThue>43970<", "sum", "TThue"),
        ("<TgTCThue>439700<", "<TgTCThue>439900<", "sum", "TgTCThue"),
        ("<TgTThue>35176<", "<TgTThue>35276<", "sum", "TgTThue"),
        ("<TgTTTBSo>474876<", "<TgTTTBSo>474976<", "sum", "TgTTTBSo"),
        ("<TgTTTBChu>Bốn", "<TgTTTBChu>Năm", "words", "TgTTTBChu"),
        ("<Ten>Nguyễn Thị Ví Dụ</Ten>", "", "buyer", "NMua"),
        ("<DVTTe>VND</DVTTe>", "<DVTTe>VND</DVTTe><TGia>2</TGia>", "rate", "TGia"),
        ("<DVTTe>VND</DVTTe>", "<DVTTe>USD</DVTTe>", "rate", "TTChung"),
        ("<TChat>1<", "<TChat>4<", "note-amount", "ThTien"),
        ("<ThTien>99200</ThTien>", "", "amount", "HHDVu[1]"),
        ("<TSuat>8%</TSuat></HHDVu>", "<TSuat>10%</TSuat></HHDVu>", "rate-missing", "HHDVu[1]"),
    ],
)
def test_rules_a_schema_cannot_say(old: str, new: str, code: str, element: str) -> None:
    found = [p for p in problems(old, new) if p.code == code]
    assert found, problems(old, new)
    assert found[0].element.endswith(element)
    assert found[0].problem and found[0].remedy and found[0].severity == "error"


def test_an_invoice_without_customer_code_gets_a_warning() -> None:
    (problem,) = problems("<MKHang>PA13VH0000001</MKHang>", "")
    assert (problem.code, problem.severity) == ("customer-code", "warning")


def test_relations_are_checked() -> None:
    text = (GOLDEN / "replacement.xml").read_text()
    itself = text.replace("<SHDCLQuan>75000<", "<SHDCLQuan>00075759<")
    later = text.replace("<NLHDCLQuan>2026-10-20<", "<NLHDCLQuan>2026-12-20<")
    assert [p.code for p in validate(itself.encode())] == ["relation"]
    assert [p.code for p in validate(later.encode())] == ["relation"]
    three = text.replace("<TCHDon>1<", "<TCHDon>3<")
    assert "1 replaces, 2 adjusts" in validate(three.encode())[0].remedy


def test_other_softwares_habits_pass() -> None:
    """Leading zeros, rates only in TTKhac, other spellings of the words, fees, a foreign currency."""
    text = PLAIN.replace("<SHDon>75757<", "<SHDon>00075757<").replace("<TSuat>8%</TSuat></HHDVu>", "</HHDVu>")
    text = text.replace("sáu đồng<", "sáu đồng chẵn./.<")
    assert validate(text.encode()) == []
    fees = "<DSLPhi><LPhi><TLPhi>Phí</TLPhi><TPhi>1000</TPhi></LPhi></DSLPhi>"
    with_fee = PLAIN.replace("<TgTTTBSo>474876<", f"{fees}<TgTTTBSo>475876<").replace(
        "bảy mươi bốn nghìn", "bảy mươi lăm nghìn"
    )
    assert validate(with_fee.encode()) == []
    foreign = PLAIN.replace("<DVTTe>VND</DVTTe>", "<DVTTe>USD</DVTTe><TGia>25000.50</TGia>")
    assert validate(foreign.encode()) == []


def test_an_indented_file_passes_and_its_lines_are_told() -> None:
    root = etree.fromstring(PLAIN.encode())
    etree.indent(root)
    text = etree.tostring(root, encoding="unicode")
    assert validate(text.encode()) == []
    wrong = text.replace("<ThTien>102500<", "<ThTien>x<", 1)
    (problem,) = validate(wrong.encode())
    assert problem.line == 1 + wrong[: wrong.index("<ThTien>x<")].count("\n")
    assert problem.element.endswith("HHDVu[2]/ThTien")
    stray = text.replace("</NBan>", "</NBan>chữ lạc", 1)
    assert validate(stray.encode())


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"hello", "not-xml"),
        (b"<!DOCTYPE HDon><HDon/>", "dtd"),
        (b"<Invoices/>", "wrong-root"),
        (b"<HDon>" + b"x" * 9_000_000 + b"</HDon>", "too-large"),
    ],
)
def test_unreadable_files_are_named(data: bytes, code: str) -> None:
    (problem,) = validate(data)
    assert problem.code == code and problem.remedy


def test_invented_samples_of_others_are_told_where_they_leave_the_layout() -> None:
    reversed_ = "<HDon><DSDVu/><DLHDon Id='a'/></HDon>"
    found = {problem.element: problem for problem in validate(reversed_.encode())}
    assert "DLHDon" in found["HDon/DSDVu"].remedy


def test_at_most_a_hundred_problems_are_told() -> None:
    line = PLAIN[PLAIN.index("<HHDVu>") : PLAIN.index("</HHDVu>") + 8]
    many = PLAIN.replace(line, line.replace("<TChat>1", "<TChat>9") * 300, 1)
    assert len(validate(many.encode())) == 100


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_damaged_file_breaks_the_validator(data: st.DataObject) -> None:
    raw = bytearray(PLAIN.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert all(isinstance(problem, Problem) and problem.remedy for problem in validate(bytes(raw)))
