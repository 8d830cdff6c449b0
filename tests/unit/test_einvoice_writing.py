"""Our bytes are the canonical form of themselves, whatever a customer is called; broken invoices are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.factories.einvoice import BUYER, SELLER, SELLER_CODE, SIGNED_AT, invoice, lines, signer
from thapsang.engines.einvoice import (
    Buyer,
    Dispatch,
    Extra,
    InvoiceError,
    Line,
    LineKind,
    RateTotal,
    Related,
    RelationKind,
    bare,
    draft,
    envelope,
    hdon,
    invoice_key,
    sign,
    validate,
    verify,
)
from thapsang.engines.einvoice.c14n import EXCLUSIVE, INCLUSIVE, canonical
from thapsang.engines.einvoice.tree import read

GOLDEN = Path(__file__).parents[1] / "golden" / "einvoice"
XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]).filter(
        lambda c: c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")
    ),
    min_size=1,
    max_size=60,
)


def related(kind: RelationKind) -> Related:
    return Related(kind, "1", "C26TNA", 75_000, date(2026, 10, 20), "Sai chỉ số công tơ")


def adjustment() -> Any:
    item = Line(
        name="Điều chỉnh giảm điện bậc 3", unit="kWh", quantity=-10, price=2380, amount=-23_800, vat_rate="8%"
    )
    return invoice(lines=(item,), number=75_758, related=related(RelationKind.ADJUSTMENT))


def replacement() -> Any:
    return invoice(number=75_759, related=related(RelationKind.REPLACEMENT))


MADE = {"invoice": invoice, "adjustment": adjustment, "replacement": replacement}


def by_lxml(data: bytes, exclusive: bool = True) -> bytes:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.tostring(
        etree.fromstring(data, parser), method="c14n", exclusive=exclusive, with_comments=False
    )


@pytest.mark.parametrize("name", MADE)
def test_the_bytes_are_those_kept(name: str) -> None:
    assert bare(draft(MADE[name]())) == (GOLDEN / f"{name}.xml").read_bytes()


def test_an_envelope_is_that_kept() -> None:
    dispatch = Dispatch("GUI0001", "NHAN0001", "200", "GUI0001ABCDEF", SELLER_CODE)
    made = envelope(dispatch, [hdon(draft(made())) for made in MADE.values()])
    assert made == (GOLDEN / "envelope.xml").read_bytes()
    assert validate(made) == []


@pytest.mark.parametrize("name", MADE)
def test_what_we_write_passes_our_own_schema_and_rules(name: str) -> None:
    assert validate(bare(draft(MADE[name]()))) == []


@settings(max_examples=300, deadline=None)
@given(name=XML_TEXT, address=XML_TEXT, item=XML_TEXT, fact=XML_TEXT)
def test_any_text_is_written_in_canonical_form_and_read_back(
    name: str, address: str, item: str, fact: str
) -> None:
    if not name.strip() or not item.strip():
        return
    buyer = Buyer("PA13VH0000001", name=name, address=address)
    made = draft(
        invoice(
            buyer=buyer,
            lines=(replace(lines(1)[0], name=item),),
            extras=(Extra("Ghi chú", fact),),
        )
    )
    assert by_lxml(made.body) == made.body == by_lxml(made.body, exclusive=False)
    tree = etree.fromstring(made.body)
    assert tree.findtext("NDHDon/NMua/Ten") == name
    assert tree.findtext("NDHDon/NMua/DChi") == address
    assert tree.findtext("NDHDon/DSHHDVu/HHDVu/THHDVu") == item
    assert tree.findtext("TTKhac/TTin/DLieu") == fact


@settings(max_examples=30, deadline=None)
@given(name=XML_TEXT)
def test_a_signed_file_is_canonical_and_genuine_for_any_name(name: str) -> None:
    if not name.strip():
        return
    data = sign(invoice(buyer=replace(BUYER, name=name)), signer(), at=SIGNED_AT)
    root = data.partition(b"\n")[2]
    assert by_lxml(root) == root
    assert verify(data)[0].genuine


PIECES = st.sampled_from(
    [
        '<a:x xmlns:a="urn:a" a:k="1" b="2">t</a:x>',
        '<x xmlns="urn:d"><y xmlns="">&amp;&#13;</y></x>',
        '<p:q xmlns:p="urn:p" xmlns:unused="urn:u"><p:r z="&quot;&#9;&#10;&lt;" a="1"/></p:q>',
        "<!-- note --><e/>",
        "<?work done?>",
        "<?bare?>",
        "<![CDATA[<&>]]>",
        "đ\r\n𝄞",
        '<m xml:lang="vi" xml:space="preserve"> </m>',
        '<o:n z:k="1" o:k="2" k="3"/>',
        '<w xmlns:o="urn:other" o:a="1"><o:v xmlns:o="urn:o"/></w>',
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(PIECES, max_size=6),
    around=st.sampled_from(["", ' xmlns="urn:def"', ' xml:base="u" k="v"']),
)
@pytest.mark.parametrize("method", [EXCLUSIVE, INCLUSIVE])
def test_our_canonicaliser_agrees_with_libxml2(method: str, pieces: list[str], around: str) -> None:
    inner = f"<in>{''.join(pieces)}</in>"
    data = f'<out xmlns:o="urn:o" xmlns:z="urn:z"{around}><mid xmlns:p="urn:p">{inner}</mid></out>'.encode()
    node, other = read(data), etree.fromstring(data)
    exclusive = method == EXCLUSIVE
    wanted = etree.tostring(other, method="c14n", exclusive=exclusive, with_comments=False)
    assert canonical(node, method) == wanted
    if (
        exclusive
    ):  # lxml copies an element away from what is around it; xmlsec1 holds the inclusive form below
        below = node.at("mid")
        assert below is not None
        assert canonical(below) == etree.tostring(
            other[0], method="c14n", exclusive=True, with_comments=False, with_tail=False
        )


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_has_no_place_for_is_refused_by_name(character: str) -> None:
    with pytest.raises(InvoiceError) as caught:
        draft(invoice(buyer=replace(BUYER, address=f"Xóm{character} 1")))
    assert caught.value.element == "DChi"
    assert "Xóm" not in str(caught.value)


NOTE = Line(name="Ghi chú", kind=LineKind.NOTE)
BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"form": "x"}, "KHMSHDon"),
    ({"series": "C25TNA"}, "KHHDon"),
    ({"series": "X26TNA"}, "KHHDon"),
    ({"series": "C26TN1"}, "KHHDon"),
    ({"number": 0}, "SHDon"),
    ({"number": 100_000_000}, "SHDon"),
    ({"title": " "}, "THDon"),
    ({"title": "x" * 101}, "THDon"),
    ({"payment_method": "x" * 51}, "HTTToan"),
    ({"file_code": "x" * 21}, "MHSo"),
    ({"provider_tax_code": "9900000105"}, "MSTTCGP"),
    ({"id": "1 a"}, "DLHDon/@Id"),
    ({"lines": ()}, "DSHHDVu"),
    ({"seller": replace(SELLER, name="")}, "NBan/Ten"),
    ({"seller": replace(SELLER, tax_code="")}, "NBan/MST"),
    ({"seller": replace(SELLER, address="x" * 401)}, "NBan/DChi"),
    ({"buyer": replace(BUYER, customer_code="")}, "NMua/MKHang"),
    ({"buyer": replace(BUYER, name="")}, "NMua/Ten"),
    ({"buyer": replace(BUYER, tax_code="123")}, "NMua/MST"),
    ({"buyer": replace(BUYER, id_number="12")}, "NMua/CCCDan"),
    ({"buyer": replace(BUYER, name="x" * 401)}, "NMua/Ten"),
    ({"lines": (replace(lines()[0], name=""),)}, "HHDVu[1]/THHDVu"),
    ({"lines": (replace(lines()[0], name="x" * 501),)}, "HHDVu[1]/THHDVu"),
    ({"lines": (replace(lines()[0], unit="x" * 51),)}, "HHDVu[1]/DVTinh or MHHDVu"),
    ({"lines": (replace(NOTE, amount=1),)}, "HHDVu[1]/ThTien"),
    ({"lines": (replace(lines()[0], vat_rate="8"),)}, "HHDVu[1]/TSuat"),
    ({"lines": (lines()[0], replace(NOTE, kind=LineKind.GOODS)), "totals": (RateTotal("8%", 99_200, 7_936),)},
     "HHDVu[2]/ThTien"),
    ({"lines": (replace(lines()[0], price=Decimal("1.1234567")),)}, "DGia"),
    ({"totals": (RateTotal("8%", 439_701, 35_176),)}, "THTTLTSuat/LTSuat/ThTien"),
    ({"totals": (RateTotal("8%", 439_700, 35_178),)}, "LTSuat/TThue"),
    ({"totals": (RateTotal("8%", 439_700, 35_176),) * 2}, "THTTLTSuat"),
    ({"lines": (replace(lines(1)[0], amount=10**15),)}, "TgTTTBSo"),
    ({"related": replace(related(RelationKind.REPLACEMENT), series="?")}, "TTHDLQuan/KHHDCLQuan"),
    ({"related": replace(related(RelationKind.REPLACEMENT), number=0)}, "TTHDLQuan/SHDCLQuan"),
    ({"related": replace(related(RelationKind.REPLACEMENT), number=75_757)}, "TTHDLQuan"),
    ({"related": replace(related(RelationKind.REPLACEMENT), issued_on=date(2026, 12, 1))}, "TTHDLQuan/NLHDCLQuan"),
    ({"related": replace(related(RelationKind.REPLACEMENT), reason="x" * 256)}, "TTHDLQuan/GChu"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "element"), BROKEN)
def test_a_broken_rule_names_its_element_and_a_remedy(changes: dict[str, Any], element: str) -> None:
    with pytest.raises(InvoiceError) as caught:
        draft(invoice(**changes))
    assert caught.value.element == element
    assert caught.value.remedy


def test_notes_discounts_promotions_decimals_and_rates_without_tax() -> None:
    items = (
        *lines(1),
        Line(name="Chiết khấu", kind=LineKind.DISCOUNT, amount=9_200, vat_rate="8%"),
        Line(name="Khuyến mại", kind=LineKind.PROMOTION, amount=0, vat_rate="8%"),
        Line(
            name="Không chịu thuế",
            amount=1_000,
            vat_rate="KCT",
            quantity=Decimal("2.500000"),
            price=Decimal(400),
        ),
        NOTE,
    )
    made = bare(
        draft(invoice(lines=items, totals=(RateTotal("8%", 90_000, 7_200), RateTotal("KCT", 1_000, 0))))
    )
    assert validate(made) == []
    assert b"<SLuong>2.500000</SLuong>" in made


def test_an_amount_of_other_rates_has_no_expected_vat() -> None:
    item = replace(lines(1)[0], vat_rate="KHAC:5%")
    assert validate(bare(draft(invoice(lines=(item,), totals=(RateTotal("KHAC:5%", 99_200, 4_960),))))) == []


def test_leading_zeros_fall_from_the_number_only() -> None:
    assert invoice_key("0100000001", "1", "C26TNA", "00075757") == "0100000001|1|C26TNA|75757"


def test_the_authoritys_code_stands_outside_what_is_signed() -> None:
    made = draft(invoice())
    assert b"</DLHDon><MCCQT>00ABC</MCCQT>" in hdon(made, code="00ABC")


def test_the_inclusive_form_takes_along_what_is_around() -> None:
    text = b'<a xmlns:u="urn:u" xml:lang="vi" xml:base="x" k="1"><b xml:base="y"><c xml:lang="en"/></b></a>'
    inner = read(text).at("b")
    assert inner is not None
    assert (
        canonical(inner, INCLUSIVE)
        == b'<b xmlns:u="urn:u" xml:base="y" xml:lang="vi"><c xml:lang="en"></c></b>'
    )
    assert canonical(inner, EXCLUSIVE) == b'<b xml:base="y"><c xml:lang="en"></c></b>'
