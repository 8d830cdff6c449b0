"""Writes of payments: intents, settling, credit, callbacks; and the gateways plugged in."""

from thapsang.domain.payments.operations.callbacks import keep_callback
from thapsang.domain.payments.operations.credit import use_credit
from thapsang.domain.payments.operations.gateways import UnknownGatewayError, gateway, use_gateway
from thapsang.domain.payments.operations.intents import fail_intent, intent_state, open_intent
from thapsang.domain.payments.operations.locking import lock_payer, lock_payer_of_intent
from thapsang.domain.payments.operations.settling import CASH, answered_before, settle, settle_under_key

__all__ = [
    "CASH",
    "UnknownGatewayError",
    "answered_before",
    "fail_intent",
    "gateway",
    "intent_state",
    "keep_callback",
    "lock_payer",
    "lock_payer_of_intent",
    "open_intent",
    "settle",
    "settle_under_key",
    "use_credit",
    "use_gateway",
]
