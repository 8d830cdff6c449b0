"""Credit: money that paid no bill yet pays the next one."""

from __future__ import annotations

from thapsang.domain.payments.queries.dues import ALL_BILLS, PAYER
from thapsang.domain.payments.types import Payer
from thapsang.kit.db.statements import rows
from thapsang.kit.db.transactions import transaction_required

# Lay credits and open bills end to end on a line of đồng each; where two stretches meet, money is allocated.
_USE = f"""
WITH {PAYER}, open AS ({ALL_BILLS}),
bills AS (
    SELECT id, sum(total - paid) OVER w AS upto, sum(total - paid) OVER w - (total - paid) AS since
    FROM open WINDOW w AS (ORDER BY due_on, id ROWS UNBOUNDED PRECEDING)
), unused AS (
    SELECT p.id, p.amount - coalesce(a.used, 0) AS amount FROM payments_payment p
    LEFT JOIN LATERAL (SELECT sum(amount) AS used FROM payments_allocation WHERE payment_id = p.id) a ON true
    WHERE p.customer_id = %(customer)s AND p.amount > coalesce(a.used, 0)
), credits AS (
    SELECT id, sum(amount) OVER w AS upto, sum(amount) OVER w - amount AS since
    FROM unused WINDOW w AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
)
INSERT INTO payments_allocation (payment_id, bill_id, amount)
SELECT c.id, b.id, (least(c.upto, b.upto) - greatest(c.since, b.since))::bigint
FROM credits c JOIN bills b ON c.since < b.upto AND b.since < c.upto
RETURNING amount
"""  # noqa: S608 - our own text


@transaction_required
def use_credit(*, payer: Payer) -> int:
    """Pay the locked payer's oldest open bills from credit; return the đồng used.

    No journal: the customer's account holds the credit already, only what it paid is written down.
    """
    return sum(int(amount) for (amount,) in rows(_USE, {"customer": payer.customer_id}))
