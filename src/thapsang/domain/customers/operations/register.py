"""New customers, premises and supply points."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from thapsang.domain.customers.models import Customer, Premises, SupplyPoint
from thapsang.domain.customers.types import InvalidValueError, check_cccd, check_customer_code, check_tax_code
from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.privacy import cipher


class CodeTakenError(ValueError):
    """The customer code or supply point code is in use; take the next one (`next_customer_code`)."""


@transaction_required
def next_customer_code(*, unit: str) -> str:
    """Return the next free customer code of an area team's 6-character unit code.

    Held until the transaction ends: two clerks never get the same code.
    Raises InvalidValueError("unit") when the unit cannot begin a customer code.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"customer-code:{unit}"])
    last = Customer.objects.filter(code__startswith=unit).order_by("-code").only("code").first()
    serial = int(last.code[6:]) + 1 if last else 1
    try:
        return check_customer_code(f"{unit}{serial:07d}")
    except InvalidValueError as error:
        raise InvalidValueError("unit", "Mã đơn vị có 6 ký tự, ví dụ PA13VH: hãy chọn lại.") from error


@transaction_required
def create_customer(
    *, code: str, kind: str, name: str, account_id: int, at: datetime, id_number: str = "", tax_code: str = ""
) -> int:
    """Register a customer (`person` or `organisation`) with a receivable account; return its number.

    Raises InvalidValueError (field named) and CodeTakenError.
    """
    code = check_customer_code(code)
    digits = check_cccd(id_number) if id_number else None
    if not name.strip():
        raise InvalidValueError("name", "Tên khách hàng còn trống: hãy nhập tên như trên giấy tờ.")
    if Customer.objects.filter(code=code).exists():
        raise CodeTakenError(f"Customer code {code} is in use; take the next one.")
    return Customer.objects.create(
        code=code,
        kind=kind,
        name=" ".join(name.split()),
        account_id=account_id,
        created_at=at,
        id_number_cipher=cipher.encrypt(digits, purpose="id-number") if digits else None,
        id_number_index=cipher.blind_index(digits, purpose="id-number") if digits else None,
        tax_code=check_tax_code(tax_code) if tax_code else "",
    ).pk


@transaction_required
def create_premises(*, address: str, commune_id: int) -> int:
    """Register a place of use; the address is written without the commune. Return its number."""
    if not address.strip():
        raise InvalidValueError("address", "Địa chỉ còn trống: hãy nhập số nhà, đường, khối hoặc xóm.")
    return Premises.objects.create(address=" ".join(address.split()), commune_id=commune_id).pk


@transaction_required
def create_supply_point(*, customer_code: str, premises_id: int, book_id: int) -> int:
    """Create a supply point: its code is the customer's code and the next three digits. Return its number."""
    taken = SupplyPoint.objects.filter(code__startswith=check_customer_code(customer_code))
    code = f"{customer_code}{taken.count() + 1:03d}"
    if SupplyPoint.objects.filter(code=code).exists():
        raise CodeTakenError(f"Supply point code {code} is in use; give the code by hand.")
    return SupplyPoint.objects.create(code=code, premises_id=premises_id, book_id=book_id).pk
