"""Invoices written straight in canonical form.

What is written is the exclusive canonical form of itself (Exclusive XML Canonicalization 1.0, without
comments): no white space between elements, no empty-element tags, no prefixes in DLHDon, text escaped as
canonical XML escapes it. The digest is therefore taken over exactly the bytes in the file; nothing is parsed
or canonicalised while signing. tests/unit/test_einvoice_writing.py holds this for every Unicode text.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from thapsang.engines.einvoice.checking import check
from thapsang.engines.einvoice.errors import InvoiceError
from thapsang.engines.einvoice.model import (
    LAYOUT,
    Buyer,
    Dispatch,
    Extra,
    Invoice,
    Line,
    LineKind,
    Related,
    Seller,
)
from thapsang.engines.einvoice.words import in_words

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
SIGNED_FRAME = (DECLARATION + b"<HDon>", b"<DSCKS><NBan>", b"</NBan></DSCKS></HDon>")
"""What stands before the draft, between draft and signature, and behind: the same as `bare` writes."""
_SPECIAL = re.compile("[&<>\r]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Draft(NamedTuple):
    """An invoice ready to be signed: the Id of its DLHDon and that element's canonical bytes."""

    id: str
    body: bytes


def draft(invoice: Invoice) -> Draft:
    """Check an invoice and return its DLHDon in canonical form; raise InvoiceError naming element and remedy."""
    check(invoice)
    element_id = invoice.element_id
    text = (
        f'<DLHDon Id="{element_id}">{_heading(invoice)}<NDHDon>{seller_element(invoice.seller)}{_buyer(invoice.buyer)}'
        f"<DSHHDVu>{_lines(invoice.lines)}</DSHHDVu>{_totals(invoice)}</NDHDon>{_extras(invoice.extras)}</DLHDon>"
    )
    if not text.isprintable():  # a quick look; new lines are no printable characters either, hence the second
        _refuse_forbidden(text)
    return Draft(element_id, text.encode())


def bare(draft: Draft, signature: bytes = b"", *, code: str = "") -> bytes:
    """Return an HDon file: the draft, the tax authority's code when it has one, the seller's signature."""
    return DECLARATION + hdon(draft, signature, code=code)


def hdon(draft: Draft, signature: bytes = b"", *, code: str = "") -> bytes:
    """Return the HDon element alone."""
    parts = [b"<HDon>", draft.body]
    if code:
        parts.append(_element("MCCQT", code).encode())
    if signature:
        parts += [b"<DSCKS><NBan>", signature, b"</NBan></DSCKS>"]
    return b"".join((*parts, b"</HDon>"))


def envelope(dispatch: Dispatch, invoices: list[bytes]) -> bytes:
    """Return a TDiep file that carries HDon elements; the signatures inside stay whole."""
    heading = "".join(
        f"<{name}>{escape(value)}</{name}>"
        for name, value in (
            ("PBan", LAYOUT), ("MNGui", dispatch.sender), ("MNNhan", dispatch.receiver), ("MLTDiep", dispatch.kind),
            ("MTDiep", dispatch.code), ("MTDTChieu", dispatch.answers), ("MST", dispatch.tax_code),
            ("SLuong", str(len(invoices))),
        )
    )  # fmt: skip
    _refuse_forbidden(heading)
    head = f"<TDiep><TTChung>{heading}</TTChung><DLieu>".encode()
    return b"".join((DECLARATION, head, *invoices, b"</DLieu></TDiep>"))


def escape(text: str) -> str:
    """Return `text` as canonical XML writes it inside an element."""
    return text.translate(_ESCAPES) if _SPECIAL.search(text) else text


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def _heading(invoice: Invoice) -> str:
    return (
        f"<TTChung><PBan>{LAYOUT}</PBan><THDon>{escape(invoice.title)}</THDon><KHMSHDon>{invoice.form}</KHMSHDon>"
        f"<KHHDon>{invoice.series}</KHHDon><SHDon>{invoice.number}</SHDon>{_element('MHSo', invoice.file_code)}"
        f"<NLap>{invoice.issued_on.isoformat()}</NLap><HDCTTChinh>0</HDCTTChinh><DVTTe>VND</DVTTe>"
        f"<HTTToan>{escape(invoice.payment_method)}</HTTToan><MSTTCGP>{invoice.provider_tax_code}</MSTTCGP>"
        f"{related_element(invoice.related) if invoice.related else ''}</TTChung>"
    )


def related_element(related: Related) -> str:
    """Return TTHDLQuan: the earlier invoice this one adjusts or replaces."""
    return (
        f"<TTHDLQuan><TCHDon>{related.kind:d}</TCHDon><LHDCLQuan>{related.scheme}</LHDCLQuan>"
        f"{_element('KHMSHDCLQuan', related.form)}{_element('KHHDCLQuan', related.series)}"
        f"<SHDCLQuan>{related.number}</SHDCLQuan><NLHDCLQuan>{related.issued_on.isoformat()}</NLHDCLQuan>"
        f"{_element('GChu', related.reason)}</TTHDLQuan>"
    )


@lru_cache(maxsize=64)
def seller_element(seller: Seller) -> str:
    """Return NBan; remembered for a seller seen before."""
    fields = (
        ("Ten", seller.name), ("MST", seller.tax_code), ("DChi", seller.address), ("MCHang", seller.branch_code),
        ("TCHang", seller.branch_name), ("SDThoai", seller.phone), ("DCTDTu", seller.email),
        ("STKNHang", seller.bank_account), ("TNHang", seller.bank_name), ("Fax", seller.fax),
        ("Website", seller.website),
    )  # fmt: skip
    return f"<NBan>{''.join(_element(name, value) for name, value in fields)}</NBan>"


def _buyer(buyer: Buyer) -> str:
    fields = (
        ("Ten", buyer.name), ("MST", buyer.tax_code), ("MDVQHNSach", buyer.budget_code), ("DChi", buyer.address),
        ("MKHang", buyer.customer_code), ("SDThoai", buyer.phone), ("CCCDan", buyer.id_number),
        ("SHChieu", buyer.passport), ("DCTDTu", buyer.email), ("HVTNMHang", buyer.person),
        ("STKNHang", buyer.bank_account), ("TNHang", buyer.bank_name),
    )  # fmt: skip
    return f"<NMua>{''.join([_element(name, value) for name, value in fields if value])}</NMua>"


def _lines(lines: tuple[Line, ...]) -> str:
    return "".join([_line(number, line) for number, line in enumerate(lines, 1)])


def _line(number: int, line: Line) -> str:
    amount = "" if line.amount is None else f"<ThTien>{line.amount}</ThTien>"
    extras = _extras(line.extras) if line.extras else ""
    return (
        f"{_label(line.kind, number, line.code, line.name, line.unit)}{_number('SLuong', line.quantity)}"
        f"{_number('DGia', line.price)}{amount}{_rate(line.vat_rate)}{extras}</HHDVu>"
    )


@lru_cache(maxsize=64)
def _rate(vat_rate: str) -> str:
    return _element("TSuat", vat_rate)


@lru_cache(maxsize=4096)
def _label(kind: LineKind, number: int, code: str, name: str, unit: str) -> str:
    """The beginning of a line; a month's invoices share a few of them."""
    return (
        f"<HHDVu><TChat>{kind:d}</TChat><STT>{number}</STT>{_element('MHHDVu', code)}"
        f"<THHDVu>{escape(name)}</THHDVu>{_element('DVTinh', unit)}"
    )


def _number(name: str, value: int | Decimal | None) -> str:
    if type(value) is int:
        return f"<{name}>{value}</{name}>"
    if value is None:
        return ""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -6:
            raise InvoiceError(name, f"{value} has more than six decimals.", "Round it to six.")
        return f"<{name}>{value:f}</{name}>"
    return f"<{name}>{value}</{name}>"


def _totals(invoice: Invoice) -> str:
    rates = "".join(
        [
            f"<LTSuat>{_rate(total.vat_rate)}<ThTien>{total.net}</ThTien><TThue>{total.vat}</TThue></LTSuat>"
            for total in invoice.totals
        ]
    )
    net, vat = invoice.net, invoice.vat
    return (
        f"<TToan><THTTLTSuat>{rates}</THTTLTSuat><TgTCThue>{net}</TgTCThue><TgTThue>{vat}</TgTThue>"
        f"<TgTTTBSo>{net + vat}</TgTTTBSo><TgTTTBChu>{in_words(net + vat)}</TgTTTBChu></TToan>"
    )


def _extras(extras: tuple[Extra, ...]) -> str:
    if not extras:
        return ""
    inner = "".join(
        [
            f"<TTin><TTruong>{escape(extra.name)}</TTruong><KDLieu>{escape(extra.type)}</KDLieu>"
            f"<DLieu>{escape(extra.value)}</DLieu></TTin>"
            for extra in extras
        ]
    )
    return f"<TTKhac>{inner}</TTKhac>"


def _refuse_forbidden(text: str) -> None:
    """Name the element that holds a character XML has no place for, without repeating its content."""
    found = _FORBIDDEN.search(text)
    if found is None:
        return
    before = text[: found.start()]
    element = before[before.rfind("<") + 1 :].partition(">")[0]
    raise InvoiceError(
        element,
        f"holds the character U+{ord(found[0]):04X}.",
        "XML has no place for it: remove it from the data.",
    )
