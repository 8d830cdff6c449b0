"""Words and rules of the customer register: codes, ID numbers, tax codes, phones, folded text.

Messages are for the person at the form, in Vietnamese: what is wrong and what to do. They never repeat
the value, so that it reaches no log. Sources: TT 07/2016/TT-BCA for the 12 digits of the CCCD; the check
digit of the tax code as python-stdnum has it; the unit table of EVNNPC for the customer code.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime

from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.vn import mst

CUSTOMER_CODE = re.compile(r"^(PA\d{2}[A-Z0-9]{2}|P[HMN][A-Z0-9]{4})\d{7}$")
"""Company and branch (4), unit (2), serial (7)."""
SUPPLY_POINT_CODE = re.compile(r"^(PA\d{2}[A-Z0-9]{2}|P[HMN][A-Z0-9]{4})\d{10}$")

_ATOM, _LABEL = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+", r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}")
_SPACED = "/.,-()&:;+–_"
_MARKS = "\u0300\u0301\u0303\u0309\u0323\u0302\u0306\u031b\u0307"
_FOLDING = str.maketrans("Đđ" + _SPACED, "dd" + " " * len(_SPACED), _MARKS)


class InvalidValueError(ValueError):
    """A value breaks its rule. `field` is the field's name; the message names the remedy, not the value."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def fold(text: str) -> str:
    """Return `text` in lower case without Vietnamese diacritics and punctuation, as the database folds it."""
    return unicodedata.normalize("NFD", text).translate(_FOLDING).lower()


def fold_words(text: str) -> list[str]:
    """Return the folded words of what somebody typed: letters and digits only."""
    return re.findall(r"[a-z0-9]+", fold(text))


def normalise_phone(text: str) -> str:
    """Return a Vietnamese phone number as E.164 (`+84912345678`). Raises InvalidValueError("phone")."""
    import phonenumbers  # its tables of all countries take a while to load, and few commands need them

    try:
        number = phonenumbers.parse(text, "VN")
    except phonenumbers.NumberParseException as error:
        message = "Số điện thoại gồm 10 chữ số, bắt đầu bằng 0: hãy nhập lại."
        raise InvalidValueError("phone", message) from error
    if number.country_code != 84 or not phonenumbers.is_valid_number(number):
        raise InvalidValueError("phone", "Số điện thoại chưa đúng: hãy kiểm tra lại từng chữ số.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_email(text: str) -> str:
    """Return an e-mail address trimmed and in lower case. Raises InvalidValueError("email").

    Only what every mail server takes without extensions (RFC 5321, 4.1.2, unquoted): a comma or a bracket would
    name other receivers.
    """
    address = text.strip().lower()
    if len(address) > 254 or not _EMAIL.fullmatch(address):
        raise InvalidValueError("email", "Địa chỉ e-mail chưa đúng: cần có dạng ten@noi.vn.")
    return address


def check_cccd(text: str) -> str:
    """Return the 12 digits of a CCCD number. There is no check digit: province, century and year only.

    Raises InvalidValueError("id_number").
    """
    digits = re.sub(r"[\s.]", "", text)
    if not re.fullmatch(r"\d{12}", digits):
        raise InvalidValueError("id_number", "Số căn cước phải có đúng 12 chữ số: hãy nhập lại như trên thẻ.")
    if not 1 <= int(digits[:3]) <= 96:
        raise InvalidValueError("id_number", "Ba số đầu không phải mã tỉnh: hãy nhập lại như trên thẻ.")
    return digits


def check_tax_code(text: str) -> str:
    """Return a tax code: 10 digits, `10-3` for a branch, or a person's 12 digits (by the CCCD rule).

    Raises InvalidValueError("tax_code").
    """
    digits = re.sub(r"[\s.-]", "", text)
    if len(digits) == 12:
        try:
            return check_cccd(digits)
        except InvalidValueError as error:
            message = "Mã số thuế 12 số phải là số căn cước: hãy nhập lại như trên thẻ."
            raise InvalidValueError("tax_code", message) from error
    try:
        compact = str(mst.validate(digits))
    except InvalidChecksum as error:
        message = "Mã số thuế sai số kiểm tra: hãy đối chiếu từng chữ số."
        raise InvalidValueError("tax_code", message) from error
    except ValidationError as error:
        message = "Mã số thuế có 10 số, 13 số (chi nhánh) hoặc 12 số (cá nhân): hãy nhập lại."
        raise InvalidValueError("tax_code", message) from error
    return f"{compact[:10]}-{compact[10:]}" if len(compact) == 13 else compact


def check_customer_code(text: str) -> str:
    """Return a 13-character customer code in capitals. Raises InvalidValueError("customer_code")."""
    code = re.sub(r"\s", "", text).upper()
    if not CUSTOMER_CODE.match(code):
        raise InvalidValueError(
            "customer_code",
            "Mã khách hàng gồm 13 ký tự, ví dụ PA13VH0000000: hãy nhập lại như trên hóa đơn.",
        )
    return code


@dataclass(frozen=True)
class CustomerView:
    """A customer as pages need it. `tax_code` is empty when there is none."""

    id: int
    code: str
    kind: str
    name: str
    account_id: int
    tax_code: str
    has_id_number: bool
    created_at: datetime


@dataclass(frozen=True)
class SupplyPointView:
    """A supply point with the agreement and the terms that hold on a day."""

    id: int
    code: str
    customer_id: int
    customer_code: str
    address: str
    commune: str
    category: str
    household_quarters: int
    voltage: str
    area_team: str
    status: str
    time_of_use: bool
    book: str
    agreement_id: int
    agreement_number: str
    agreement_start: date


@dataclass(frozen=True)
class ContactPointView:
    """A contact point, opened. `masked` is fit for a page that others may see."""

    id: int
    kind: str
    value: str
    masked: str
    verified_at: datetime | None
    is_primary: bool
    language: str
    """`vi`, `en`, or empty while the customer has not said."""


@dataclass(frozen=True)
class Mailbox:
    """A verified e-mail address and the language its owner reads: `vi`, `en`, or empty when not known."""

    address: str
    language: str


@dataclass(frozen=True)
class TermView:
    """Terms of an agreement on [start, end); `end` None means until further notice."""

    start: date
    end: date | None
    category: str
    household_quarters: int
    voltage: str
    time_of_use: bool
    reactive_charged: bool
    reason: str


@dataclass(frozen=True)
class NoteView:
    """What staff wrote down."""

    id: int
    text: str
    author_name: str
    written_at: datetime


@dataclass(frozen=True)
class ConsentView:
    """A consent and its proof."""

    id: int
    purpose: str
    text_version: str
    granted_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True)
class SearchHit:
    """One customer found. `matched_on`: code, supply-point, name, phone, id-number, tax-code or address."""

    customer_id: int
    code: str
    name: str
    address: str
    matched_on: str


def masked_name(name: str) -> str:
    """Return a name fit for a page anybody may open: “Nguyễn V. A.” of “Nguyễn Văn An”."""
    first, *rest = name.split()
    return " ".join([first, *(f"{word[0]}." for word in rest)])


def masked_phone(phone: str) -> str:
    """Return a phone number with all but the last three digits hidden."""
    return f"•••• ••• {phone[-3:]}"


def masked_email(address: str) -> str:
    """Return an e-mail address with all but the first letter and the host hidden."""
    return f"{address[0]}•••@{address.partition('@')[2]}"
