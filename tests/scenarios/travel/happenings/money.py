"""Money arrives: by the bank, by the gateway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.factories.payments import vnpay_message
from tests.scenarios.travel.story import Step
from tests.scenarios.travel.traveller import Traveller, happens
from thapsang.domain.payments.types import IdempotencyKey
from thapsang.journeys import pay_bill


@happens("pays")
def pays(life: Traveller, step: Step) -> None:
    """By bank, by gateway or by VietQR; `amount` in đồng, or `all` that is owed now."""
    who, by = step.values["who"], step.values.get("by", "bank")
    person, owed = life.world.people[who], life.world.owed[who]
    amount = owed if step.values["amount"] == "all" else step.values["amount"]
    if amount <= 0:
        return
    life.slips += 1
    _PAY[by](person.code, amount, f"GD{life.slips:06d}", step.at)
    life.world.owed[who] -= amount


def _by_bank(code: str, amount: int, slip: str, at: datetime) -> None:
    key = IdempotencyKey("ngan-hang-a", slip, slip.encode().ljust(32))
    pay_bill.confirm_bank_payment(
        key=key,
        provider_reference=slip,
        amount=amount,
        paid_at=at - timedelta(minutes=2),
        at=at,
        customer_code=code,
    )


def _by_gateway(code: str, amount: int, slip: str, at: datetime) -> None:
    begun = pay_bill.start_payment(customer_code=code, method="gateway", at=at)
    assert begun.amount == amount, f"the gateway is asked for {begun.amount}, the story owes {amount}"
    message = vnpay_message(
        begun.reference, amount, number=slip.removeprefix("GD"), paid=f"{at:%Y%m%d%H%M%S}"
    )
    done = pay_bill.settle_callback(provider="vnpay", params=message, at=at + timedelta(minutes=1))
    assert done.verdict.name == "SETTLED", done.verdict


_PAY: dict[str, Callable[[str, int, str, datetime], None]] = {"bank": _by_bank, "gateway": _by_gateway}
