"""`thapsang bills close` and `move-in`: who leaves or comes inside a month."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from thapsang.domain.billing.types import BillingError
from thapsang.domain.customers.operations import AgreementOverlapError, TermsError
from thapsang.domain.metering.operations import CorrectionRefusedError, MeterWorkError, SplitRefusedError
from thapsang.engines.rating import PolicyError
from thapsang.interfaces.cli.corrections import Actor, Reason, errors, out, who
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import REFUSED, AsJson, print_json
from thapsang.journeys import close_supply

REFUSALS = (
    BillingError, TermsError, AgreementOverlapError, MeterWorkError, CorrectionRefusedError, SplitRefusedError,
    PolicyError,
)  # fmt: skip
On = Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="First day without the agreement.")]
Readings = Annotated[
    list[str], typer.Option("--reading", help="total=1234; again for each register of the meter.")
]


def close(
    point: Annotated[str, typer.Argument(help="Code of the supply point.")],
    on: On,
    reading: Readings,
    reason: Reason,
    document: Annotated[str, typer.Option(help="The paper it rests on.")] = "",
    take_down: Annotated[bool, typer.Option("--take-down", help="The meter is taken down that day.")] = False,
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """End an agreement on a day with the dial's value of 00:00, and issue its final bill, due at once."""
    try:
        with database():
            done = close_supply.close(
                point_code=point, on=on.date(), readings=_readings(reading), reason=reason, document=document,
                take_down=take_down, actor=who(actor),
            )  # fmt: skip
    except REFUSALS as error:
        errors.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(REFUSED) from None
    if as_json:
        print_json({
            "agreement": done.agreement_number, "ended_on": done.ended_on, "bill": done.bill_code,
            "total": done.total, "repeated": done.repeated,
        })  # fmt: skip
        return
    told = (
        f"final bill {done.bill_code}, {done.total:,} đồng"
        if done.bill_id
        else "the regular bill is the last one"
    )
    out.print(f"Agreement {done.agreement_number} ended on {done.ended_on}: {told}.", highlight=False)


def move_in(
    point: Annotated[str, typer.Argument(help="Code of the supply point.")],
    customer: Annotated[str, typer.Option(help="Code of the customer who comes.")],
    number: Annotated[str, typer.Option(help="Number of the new agreement.")],
    on: Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="First day of the agreement.")],
    category: Annotated[str, typer.Option(help="Tariff category.")],
    reason: Reason,
    household_quarters: Annotated[int, typer.Option(min=1, help="Households × 4.")] = 4,
    voltage: Annotated[str, typer.Option(help="Voltage band.")] = "lt6",
    reading: Annotated[list[str] | None, typer.Option(help="total=1234, if the day is not read yet.")] = None,
    actor: Actor = "",
    as_json: AsJson = False,
) -> None:
    """Open an agreement from a day; the month's run bills it from there."""
    try:
        with database():
            made = close_supply.move_in(
                point_code=point, customer_code=customer, number=number, on=on.date(), reason=reason,
                actor=who(actor), readings=_readings(reading or []), category=category,
                household_quarters=household_quarters, voltage=voltage,
            )  # fmt: skip
    except REFUSALS as error:
        errors.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(REFUSED) from None
    if as_json:
        print_json({"agreement": number, "id": made, "start": on.date()})
    else:
        out.print(f"Agreement {number} begins on {on.date()}.", highlight=False)


def _readings(texts: list[str]) -> dict[str, int]:
    found = {}
    for text in texts:
        kind, _, value = text.partition("=")
        if not value.isdecimal():
            raise BillingError(f"reading {text!r}: write the register and its value, for example total=1234.")
        found[kind.strip()] = int(value)
    return found
