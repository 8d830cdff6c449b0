"""What a customer owes: bills less what payments gave to them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Sum

from thapsang.domain.billing.queries import BILL_COLUMNS, bill_view
from thapsang.domain.customers.queries.register import PHONES
from thapsang.domain.payments.models import Allocation
from thapsang.domain.payments.types import Due, GuardedBill, Outstanding, OwnBill
from thapsang.kit.db.questions import Question, Rows, answer
from thapsang.kit.db.statements import rows

OPEN_BILLS = """
    SELECT payer.customer, b.id, b.total, coalesce(a.paid, 0)::bigint AS paid, b.due_on
    FROM payer, LATERAL (
        SELECT id, total, due_on FROM billing_bill
        WHERE customer_id = payer.customer AND id >= payer.since AND id >= {since}
        UNION ALL
        SELECT bill_id, total, due_on FROM payments_latebill
        WHERE customer_id = payer.customer AND bill_id < greatest(payer.since, {since})
    ) b
    LEFT JOIN LATERAL (SELECT sum(amount) AS paid FROM payments_allocation WHERE bill_id = b.id) a ON true
    WHERE b.total > coalesce(a.paid, 0)
"""
"""The one place where payments looks into billing's table: settling reads it under the account's lock, in the
statement that allocates (docs/adr/0008). What lies below `payer.since` is paid, late bills apart."""

SINCE = "coalesce((SELECT max(paid_below) FROM payments_payment WHERE customer_id = {customer}), 0)"
ALL_BILLS = OPEN_BILLS.format(since="0")
PAYER = "payer AS (SELECT %(customer)s::bigint AS customer, {since} AS since)".format(
    since=SINCE.format(customer="%(customer)s::bigint")
)
_DUES = f"WITH {PAYER} SELECT id, total, paid, due_on FROM ({ALL_BILLS}) o ORDER BY due_on, id"  # noqa: S608 - our own text
_CREDIT = """
    SELECT coalesce(sum(p.amount - coalesce(a.used, 0)), 0)::bigint
    FROM payments_payment p
    LEFT JOIN LATERAL (SELECT sum(amount) AS used FROM payments_allocation WHERE payment_id = p.id) a ON true
    WHERE p.customer_id = %(customer)s
"""

_GUARDED = f"""
    SELECT {PHONES.format(customer="b.customer_id")},
           coalesce((SELECT sum(amount) FROM payments_allocation WHERE bill_id = b.id), 0)::bigint, {BILL_COLUMNS}
    FROM billing_bill b WHERE b.id = %(bill)s
"""  # noqa: S608 - our own text


def own_bill(*, bill_id: int, phone_index: bytes) -> OwnBill | None:
    """Return a bill and what was paid on it (đồng) if it is made out to a customer who has this phone.

    One statement: the page of a bill asks it each time, whatever else of the page is kept. The phone is given
    as its blind index, and must be the customer's primary or a verified contact point.
    """
    return answer(guarded_bill_question(bill_id=bill_id)).told_to(phone_index)


def guarded_bill_question(*, bill_id: int) -> Question[GuardedBill]:
    """Ask what `own_bill` tells while it is not known yet who wants to know."""
    return Question(_GUARDED, {"bill": bill_id}, _guarded)


def _guarded(found: Rows) -> GuardedBill:
    if not found:
        return GuardedBill(None, frozenset())
    phones, paid, *bill = found[0]
    return GuardedBill(OwnBill(bill_view(bill), paid), frozenset(phones))


def outstanding(*, customer_id: int) -> Outstanding:
    """Return a customer's open bills, oldest first, and the credit (đồng) that paid no bill yet."""
    dues = rows(_DUES, {"customer": customer_id})
    credit = rows(_CREDIT, {"customer": customer_id})[0][0]
    return Outstanding(dues=tuple(Due(*due) for due in dues), credit=int(credit))


def paid_of(*, bill_ids: Iterable[int]) -> dict[int, int]:
    """Return how many đồng were paid on each of these bills; 0 for a bill nobody paid on."""
    wanted = list(bill_ids)
    sums = Allocation.objects.filter(bill_id__in=wanted).values_list("bill_id").annotate(Sum("amount"))
    return dict.fromkeys(wanted, 0) | {bill: int(amount) for bill, amount in sums}
