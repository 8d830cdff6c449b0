"""Payments as a sweep reads them: in blocks of numbers, by the primary key, whoever recorded them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from thapsang.domain.payments.models import Payment
from thapsang.kit.db.statements import rows

BLOCK = 500
"""Payments in a block, about: one event, one job."""

_BLOCKS = """
SELECT id / {block} AS block, max(id), count(*) FROM payments_payment
WHERE id >= %(after)s / {block} * {block} GROUP BY 1 HAVING max(id) > %(after)s ORDER BY 1
"""
_SETTLED = """
SELECT coalesce(max(id), %(after)s) FROM payments_payment
WHERE id > %(after)s AND id < coalesce(
    (SELECT min(id) FROM payments_payment WHERE id > %(after)s AND received_at >= %(before)s), 9223372036854775807)
"""


@dataclass(frozen=True)
class PaymentBlock:
    """Payments with numbers that share `number`; `last` and `count` change when one more comes in."""

    number: int
    last: int
    count: int


@dataclass(frozen=True)
class PaymentFact:
    """A payment, as a receipt states it; `amount` in đồng."""

    id: int
    customer_id: int
    amount: int
    receipt_code: str


def last_payment() -> int:
    """Return the highest number of a payment, 0 when there is none."""
    return int(Payment.objects.aggregate(last=Max("id"))["last"] or 0)


def blocks_after(*, number: int) -> list[PaymentBlock]:
    """Return the blocks in which there are payments beyond `number`, in order."""
    found = rows(_BLOCKS.format(block=BLOCK), {"after": number})
    return [PaymentBlock(*one) for one in found]


def settled_up_to(*, after: int, before: datetime) -> int:
    """Return the last number before which all payments beyond `after` were received before a moment.

    Numbers are drawn before they are committed: below a younger payment there may still be a gap to fill.
    """
    return int(rows(_SETTLED, {"after": after, "before": before})[0][0])


def payments_of_block(*, number: int, after: int, since: datetime) -> list[PaymentFact]:
    """Return the payments of a block with numbers beyond `after` that were received since a moment."""
    block = Payment.objects.filter(id__gte=number * BLOCK, id__lt=(number + 1) * BLOCK, id__gt=after)
    block = block.exclude(provider="refund")  # money of ours that came back: nobody is thanked for it
    names = ("id", "customer_id", "amount", "receipt_code")
    return [
        PaymentFact(*one) for one in block.filter(received_at__gte=since).order_by("id").values_list(*names)
    ]
