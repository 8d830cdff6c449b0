"""Money arrives, by the bank or the gateway; credit is paid back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.factories.payments import vnpay_message
from tests.scenarios.travel.story import Step
from tests.scenarios.travel.traveller import APPROVER, CLERK, Traveller, happens
from thapsang.domain.payments.operations import refunds
from thapsang.domain.payments.types import IdempotencyKey
from thapsang.journeys import pay_bill
from thapsang.kit.db.transactions import transaction


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


@happens("refund asked")
def refund_asked(life: Traveller, step: Step) -> None:
    """Asked by a clerk, approved by somebody else."""
    values, person = step.values, life.world.people[step.values["who"]]
    with transaction():
        number = refunds.ask_refund(
            customer_code=person.code, amount=values["amount"], bank=values["bank"], account=values["account"],
            holder="Nguyễn Thị Lan", reason="credit", by_customer=True, actor=CLERK, at=step.at,
        )  # fmt: skip
    with transaction():
        refunds.approve_refund(refund_id=number, reason="credit is there", actor=APPROVER, at=step.at)
    life.world.refunds[values["who"]] = number


@happens("refunds sent")
def refunds_sent(life: Traveller, step: Step) -> None:
    """One file for the bank; the claim ends in the same transaction."""
    with transaction():
        file, _ = refunds.send_refunds(actor=CLERK, at=step.at)
    life.proof.same(step.where, "the file's total", step.values["amount"], file.total if file else None)
    life.world.owed[step.values["who"]] += step.values["amount"]


@happens("refund confirmed")
def refund_confirmed(life: Traveller, step: Step) -> None:
    """The bank says it paid."""
    number = life.world.refunds[step.values["who"]]
    with transaction():
        refunds.confirm_refund(refund_id=number, bank_reference=f"HT{number}", actor=CLERK, at=step.at)


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
