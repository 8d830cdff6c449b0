"""Reads of payments: what is owed, what was paid, intents, receipts, statements, the rules in force."""

from thapsang.domain.payments.queries.dues import guarded_bill_question, outstanding, own_bill, paid_of
from thapsang.domain.payments.queries.records import (
    callbacks,
    customer_code_of,
    intent,
    payments_of,
    receipt,
    recorded,
    statement,
    to_judge,
)
from thapsang.domain.payments.queries.rules import PaymentRulesError, rules

__all__ = [
    "PaymentRulesError",
    "callbacks",
    "customer_code_of",
    "guarded_bill_question",
    "intent",
    "outstanding",
    "own_bill",
    "paid_of",
    "payments_of",
    "receipt",
    "recorded",
    "rules",
    "statement",
    "to_judge",
]
