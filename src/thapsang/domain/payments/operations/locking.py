"""The one lock order: the customer's account first, before anything is read that decides about money."""

from __future__ import annotations

from typing import Any

from thapsang.domain.payments.types import Payer, UnknownCustomerError, UnknownReferenceError
from thapsang.kit.db.statements import row
from thapsang.kit.db.transactions import transaction_required

_PAYER = """
SELECT c.id, c.code, i.id, i.reference
FROM customers_customer c
JOIN ledger_account a ON a.id = c.account_id
"""
_BY_CODE = (
    _PAYER
    + "LEFT JOIN payments_paymentintent i ON i.reference = %(reference)s::text AND i.customer_id = c.id "
    "WHERE c.code = %(code)s::text FOR NO KEY UPDATE OF a"
)
LOCK_BY_CODES = (
    "WITH arrived AS MATERIALIZED (SELECT %(codes)s::text[] AS codes, %(references)s::text[] AS refs)"  # noqa: S608
    + _PAYER
    + "JOIN (SELECT r.* FROM arrived, unnest(codes, refs) AS r(code, reference)) r ON r.code = c.code "
    "LEFT JOIN payments_paymentintent i ON i.reference = r.reference AND i.customer_id = c.id "
    "ORDER BY a.id FOR NO KEY UPDATE OF a"
)
"""Accounts of several customers, in the one order of locking: ascending id."""
_BY_INTENT = (
    _PAYER + "JOIN payments_paymentintent i ON i.customer_id = c.id "
    "WHERE i.reference = %(reference)s::text FOR NO KEY UPDATE OF a"
)


@transaction_required
def lock_payer(*, customer_code: str, reference: str = "") -> Payer:
    """Lock the account of a customer; with `reference`, also name the intent, which must be the customer's.

    Raises UnknownCustomerError, UnknownReferenceError.
    """
    return payer_of(row(_BY_CODE, {"code": customer_code, "reference": reference}), reference)


@transaction_required
def lock_payer_of_intent(*, reference: str) -> Payer:
    """Lock the account of the customer whose intent has this reference. Raises UnknownReferenceError."""
    found = row(_BY_INTENT, {"reference": reference})
    if found is None:
        raise UnknownReferenceError("No payment has this reference: check it, or give the customer code.")
    return payer_of(found, reference)


def payer_of(found: tuple[Any, ...] | None, reference: str) -> Payer:
    """Read the locked row. Raises UnknownCustomerError, UnknownReferenceError."""
    if found is None:
        raise UnknownCustomerError("No customer has this code: check the 13 characters.")
    if reference and found[2] is None:
        raise UnknownReferenceError("This customer has no such payment reference: check it, or leave it out.")
    return Payer(found[0], found[1], found[2], found[3] or "")
