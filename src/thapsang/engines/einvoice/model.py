"""An electricity invoice as typed data: what the layout's elements are filled from.

Field names are English, the element each one fills is named beside it. Amounts are whole đồng. Layout: PBan
2.1.0 (docs/domain/invoices.md says how sure each part is).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum

LAYOUT = "2.1.0"
"""PBan: the version of the tax authority's layout written here."""


class LineKind(IntEnum):
    """TChat: what a line is."""

    GOODS = 1
    PROMOTION = 2
    DISCOUNT = 3
    NOTE = 4


class RelationKind(IntEnum):
    """TCHDon: what a corrected invoice does to the earlier one."""

    REPLACEMENT = 1
    ADJUSTMENT = 2


@dataclass(frozen=True)
class Seller:
    """NBan. `tax_code` fills MST."""

    name: str
    tax_code: str
    address: str
    branch_code: str = ""
    branch_name: str = ""
    phone: str = ""
    email: str = ""
    bank_account: str = ""
    bank_name: str = ""
    fax: str = ""
    website: str = ""


@dataclass(frozen=True)
class Buyer:
    """NMua. `customer_code` fills MKHang, the place of the electricity customer's code."""

    customer_code: str
    name: str = ""
    tax_code: str = ""
    budget_code: str = ""
    address: str = ""
    phone: str = ""
    id_number: str = ""
    passport: str = ""
    email: str = ""
    person: str = ""
    bank_account: str = ""
    bank_name: str = ""


@dataclass(frozen=True)
class Line:
    """HHDVu: one line. A NOTE has no amount; a DISCOUNT lowers the sum by its (positive) amount.

    `vat_rate` is text as the layout has it: "8%", "10%", "KCT" …
    """

    name: str
    amount: int | None = None
    vat_rate: str = ""
    unit: str = ""
    quantity: int | Decimal | None = None
    price: int | Decimal | None = None
    kind: LineKind = LineKind.GOODS
    code: str = ""
    extras: tuple[Extra, ...] = ()


@dataclass(frozen=True)
class Extra:
    """TTin: a fact the layout has no element for. `type` (KDLieu): string, numeric, date, dateTime."""

    name: str
    value: str
    type: str = "string"


@dataclass(frozen=True)
class RateTotal:
    """LTSuat: sum of the lines of one VAT rate, and the VAT on it."""

    vat_rate: str
    net: int
    vat: int


@dataclass(frozen=True)
class Related:
    """TTHDLQuan: the earlier invoice this one adjusts or replaces, and why."""

    kind: RelationKind
    form: str
    series: str
    number: int
    issued_on: date
    reason: str = ""
    scheme: int = 1
    """LHDCLQuan: 1 is an e-invoice under decree 123/2020."""


@dataclass(frozen=True)
class Invoice:
    """HDon before it is signed.

    `form` KHMSHDon, `series` KHHDon, `number` SHDon, `issued_on` NLap, `provider_tax_code` MSTTCGP. `id` is the
    DLHDon's Id; by default it is made of the seller's code and the invoice's number.
    """

    seller: Seller
    buyer: Buyer
    lines: tuple[Line, ...]
    totals: tuple[RateTotal, ...]
    series: str
    number: int
    issued_on: date
    provider_tax_code: str
    form: str = "1"
    title: str = "Hóa đơn giá trị gia tăng"
    payment_method: str = "TM/CK"
    file_code: str = ""
    related: Related | None = None
    extras: tuple[Extra, ...] = ()
    id: str = ""

    @property
    def net(self) -> int:
        """TgTCThue: before VAT, in đồng."""
        return sum(total.net for total in self.totals)

    @property
    def vat(self) -> int:
        """TgTThue: VAT in đồng."""
        return sum(total.vat for total in self.totals)

    @property
    def total(self) -> int:
        """TgTTTBSo: to be paid, in đồng."""
        return self.net + self.vat

    @property
    def element_id(self) -> str:
        """Id of the signed element."""
        return self.id or f"HD-{self.seller.tax_code}-{self.form}{self.series}-{self.number}"


@dataclass(frozen=True)
class Dispatch:
    """TDiep/TTChung: the envelope of a message to the tax authority; its fields are from memory, see the docs."""

    sender: str
    receiver: str
    kind: str
    code: str
    tax_code: str
    answers: str = ""


def invoice_key(tax_code: str, form: str, series: str, number: str) -> str:
    """Return MST|KHMSHDon|KHHDon|SHDon, the key of an invoice anywhere.

    Leading zeros fall from the number only: "00075757" and "75757" are one invoice; a tax code keeps its own.
    """
    return "|".join((tax_code, form, series, number.lstrip("0")))
