"""The rules an invoice must keep before it is written: lengths, series, sums, relation."""

from __future__ import annotations

import re
from functools import lru_cache

from stdnum.vn import mst

from thapsang.engines.einvoice.errors import InvoiceError
from thapsang.engines.einvoice.model import Buyer, Invoice, Line, LineKind, Related, Seller
from thapsang.engines.money import divide_half_up

SERIES = re.compile(r"[CK]\d{2}[TDLMNBGHX][A-Z]{2}")
"""KHHDon: C with, K without a code of the tax authority · year · kind · two letters of the seller's own."""
FORM = re.compile(r"[1-9]")
VAT_RATE = re.compile(r"\d{1,2}(\.\d{1,2})?%|KCT|KKKNT|KHAC:\d{1,2}(\.\d{1,2})?%")
"""TSuat is text; KCT not taxable, KKKNT not declared."""
LARGEST_NUMBER = 99_999_999
_LARGEST_TOTAL = 10**15
_PROMOTION, _DISCOUNT = LineKind.PROMOTION, LineKind.DISCOUNT
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_ID_NUMBER = re.compile(r"\d{12}")

_SELLER = {
    "name": ("Ten", 400), "address": ("DChi", 400), "branch_code": ("MCHang", 50), "branch_name": ("TCHang", 400),
    "phone": ("SDThoai", 20), "email": ("DCTDTu", 50), "bank_account": ("STKNHang", 30),
    "bank_name": ("TNHang", 400), "fax": ("Fax", 20), "website": ("Website", 100),
}  # fmt: skip
_BUYER = {
    "name": ("Ten", 400), "budget_code": ("MDVQHNSach", 7), "address": ("DChi", 400),
    "customer_code": ("MKHang", 50), "phone": ("SDThoai", 20), "passport": ("SHChieu", 20),
    "email": ("DCTDTu", 50), "person": ("HVTNMHang", 100), "bank_account": ("STKNHang", 30),
    "bank_name": ("TNHang", 400),
}  # fmt: skip


def check(invoice: Invoice) -> None:
    """Raise InvoiceError naming the element and the remedy when an invoice breaks a rule; else return."""
    check_seller(invoice.seller)
    _buyer(invoice.buyer)
    _heading(invoice)
    if not invoice.lines:
        raise InvoiceError("DSHHDVu", "the invoice has no line.", "Give at least one line.")
    for number, line in enumerate(invoice.lines, 1):
        _line(line, f"HHDVu[{number}]")
    _sums(invoice)
    if invoice.related is not None:
        _related(invoice.related, invoice)


@lru_cache(maxsize=64)
def check_seller(seller: Seller) -> None:
    """Raise InvoiceError when the seller's own facts do not fit; remembered for a seller seen before."""
    for needed in ("name", "address"):
        _present(getattr(seller, needed), f"NBan/{_SELLER[needed][0]}")
    _lengths(seller, _SELLER, "NBan")
    if not is_tax_code(seller.tax_code):
        _refuse_tax_code(seller.tax_code, "NBan/MST")


@lru_cache(maxsize=4096)
def is_tax_code(code: str) -> bool:
    """Tell whether a text is a tax code: 10 digits or 10-3 with the right check digit, or a 12-digit ID."""
    if _ID_NUMBER.fullmatch(code):
        return True
    return re.fullmatch(r"\d{10}(-\d{3})?", code) is not None and bool(mst.is_valid(code))


def expected_vat(net: int, rate: str) -> int | None:
    """Return the VAT on `net` at a rate given as text, half-up away from zero; None where no rate is named."""
    basis_points = _basis_points(rate)
    if basis_points is None:
        return None
    vat = divide_half_up(abs(net) * basis_points, 10_000)
    return vat if net >= 0 else -vat


@lru_cache(maxsize=64)
def _basis_points(rate: str) -> int | None:
    match = re.search(r"(\d+)(?:\.(\d{1,2}))?%", rate)
    if match is None:
        return 0 if rate in {"KCT", "KKKNT"} else None
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def _present(value: str, element: str) -> None:
    if not value.strip():
        raise InvoiceError(element, "is empty.", "The layout asks for it: fill it in.")


def _lengths(given: object, limits: dict[str, tuple[str, int]], place: str) -> None:
    for field, (element, longest) in limits.items():
        if len(getattr(given, field)) > longest:
            _too_long(f"{place}/{element}", len(getattr(given, field)), longest)


def _too_long(element: str, length: int, longest: int) -> None:
    raise InvoiceError(element, f"has {length} characters.", f"The layout takes {longest}: shorten it.")


def _refuse_tax_code(code: str, element: str) -> None:
    raise InvoiceError(
        element,
        "is no tax code (length or check digit)." if code else "is empty.",
        "Write 10 digits, 10 digits-3 digits, or the 12-digit ID number.",
    )


def _buyer(buyer: Buyer) -> None:
    _present(buyer.customer_code, "NMua/MKHang")
    if not (buyer.name or buyer.person):
        raise InvoiceError("NMua/Ten", "nobody is named.", "Give the buyer's name, or HVTNMHang.")
    _lengths(buyer, _BUYER, "NMua")
    if buyer.tax_code and not is_tax_code(buyer.tax_code):
        _refuse_tax_code(buyer.tax_code, "NMua/MST")
    if buyer.id_number and not _ID_NUMBER.fullmatch(buyer.id_number):
        raise InvoiceError("NMua/CCCDan", "is no ID number.", "Write its 12 digits.")


def _heading(invoice: Invoice) -> None:
    if not FORM.fullmatch(invoice.form):
        raise InvoiceError(
            "KHMSHDon", f"{invoice.form!r} is no form.", "Write one digit; a VAT invoice is 1."
        )
    check_series(invoice.series, invoice.issued_on.year)
    if not 1 <= invoice.number <= LARGEST_NUMBER:
        raise InvoiceError(
            "SHDon",
            f"{invoice.number} is no invoice number.",
            f"Use 1 to {LARGEST_NUMBER}; then a new series.",
        )
    _present(invoice.title, "THDon")
    for element, value, longest in (
        ("THDon", invoice.title, 100), ("HTTToan", invoice.payment_method, 50), ("MHSo", invoice.file_code, 20),
    ):  # fmt: skip
        if len(value) > longest:
            _too_long(element, len(value), longest)
    if not is_tax_code(invoice.provider_tax_code):
        _refuse_tax_code(invoice.provider_tax_code, "MSTTCGP")
    if invoice.id and not _ID.fullmatch(invoice.id):
        raise InvoiceError(
            "DLHDon/@Id", "is no XML name.", "Begin with a letter; letters, digits, - . _ only."
        )


def check_series(series: str, year: int) -> None:
    """Raise InvoiceError when a KHHDon is none, or is another year's."""
    if not SERIES.fullmatch(series):
        raise InvoiceError(
            "KHHDon",
            f"{series!r} is no series.",
            "Write C or K, two digits of the year, a kind, two letters: C26TNA.",
        )
    if int(series[1:3]) != year % 100:
        raise InvoiceError(
            "KHHDon", f"{series} is not a series of {year}.", f"Open {series[0]}{year % 100:02d}…."
        )


def _line(line: Line, place: str) -> None:
    _present(line.name, f"{place}/THHDVu")
    if len(line.name) > 500:
        _too_long(f"{place}/THHDVu", len(line.name), 500)
    if len(line.unit) > 50 or len(line.code) > 50:
        _too_long(f"{place}/DVTinh or MHHDVu", max(len(line.unit), len(line.code)), 50)
    if line.kind is LineKind.NOTE:
        if line.amount is not None:
            raise InvoiceError(f"{place}/ThTien", "a note has an amount.", "Leave it out, or make it goods.")
        return
    if line.amount is None:
        raise InvoiceError(f"{place}/ThTien", "is missing.", "Give whole đồng; only a note has no amount.")
    if line.vat_rate and not VAT_RATE.fullmatch(line.vat_rate):
        raise InvoiceError(
            f"{place}/TSuat", f"{line.vat_rate!r} is no rate.", "Write text such as 8%, 10%, KCT or KKKNT."
        )


def _sums(invoice: Invoice) -> None:
    found: dict[str, int] = {}
    for line in invoice.lines:
        amount, kind = line.amount, line.kind
        if amount is not None and kind is not _PROMOTION:
            found[line.vat_rate] = found.get(line.vat_rate, 0) + (-amount if kind is _DISCOUNT else amount)
    given = {total.vat_rate: total.net for total in invoice.totals}
    if len(given) != len(invoice.totals):
        raise InvoiceError("THTTLTSuat", "a rate stands twice.", "Give each rate one LTSuat.")
    if found != given:
        raise InvoiceError(
            "THTTLTSuat/LTSuat/ThTien", f"the lines come to {found}, the totals say {given}.",
            "Sum the lines of each rate; a line without TSuat belongs to none.",
        )  # fmt: skip
    if abs(invoice.total) >= _LARGEST_TOTAL:
        raise InvoiceError("TgTTTBSo", f"is {invoice.total}.", "An invoice stays below 10^15 đồng: split it.")
    for total in invoice.totals:
        vat = expected_vat(total.net, total.vat_rate)
        if vat is not None and abs(vat - total.vat) > 1:
            raise InvoiceError(
                "LTSuat/TThue", f"{total.vat} is not {total.vat_rate} of {total.net}.", f"It would be {vat}."
            )


def _related(related: Related, invoice: Invoice) -> None:
    if not SERIES.fullmatch(related.series) and related.scheme == 1:
        raise InvoiceError(
            "TTHDLQuan/KHHDCLQuan", f"{related.series!r} is no series.", "Copy it from the invoice."
        )
    if not 1 <= related.number <= LARGEST_NUMBER:
        raise InvoiceError(
            "TTHDLQuan/SHDCLQuan", f"{related.number} is no number.", "Copy it from the invoice."
        )
    if related.issued_on > invoice.issued_on:
        raise InvoiceError(
            "TTHDLQuan/NLHDCLQuan", "is after this invoice's day.", "An invoice corrects an earlier one."
        )
    if (related.form, related.series, related.number) == (invoice.form, invoice.series, invoice.number):
        raise InvoiceError("TTHDLQuan", "the invoice refers to itself.", "Name the invoice it corrects.")
    if len(related.reason) > 255:
        _too_long("TTHDLQuan/GChu", len(related.reason), 255)
