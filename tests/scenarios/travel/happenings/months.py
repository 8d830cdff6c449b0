"""A month ends: read, estimated, billed, checked, invoiced."""

from __future__ import annotations

from tests.scenarios.travel import working
from tests.scenarios.travel.proof import rows
from tests.scenarios.travel.story import Month, Reading
from tests.scenarios.travel.traveller import Traveller
from thapsang.domain.billing.types import bill_id
from thapsang.domain.metering import operations as metering
from thapsang.journeys import run_billing


def end_of_month(life: Traveller, one: Month) -> None:
    where, world = f"end of {one.period:%Y-%m}", life.world
    if one.period.month == 1:
        life.proof.audit(where)
        life.proof.numbers(where)
    if any(entry["read"] == "estimated" for entry in one.bills.values()):
        metering.estimate_missing(period=one.period)
    run_billing.start(period=one.period, workers=1, at=one.at)
    numbers = []
    for point, entry in one.bills.items():
        wanted = working.figures(entry, f"{where} {point}")
        number = bill_id(one.period, world.points[point].id)
        life.proof.bill(f"{where} {point}", number, wanted)
        world.owed[entry.get("who", world.points[point].who)] += wanted.total
        world.relieved += wanted.relief
        world.in_bill[point, one.period] = wanted.relief
        numbers.append(number)
    ((count,),) = rows("SELECT count(*) FROM billing_bill b JOIN billing_billrun r ON r.id = b.run_id "
                       "WHERE r.period = %s AND b.id %% 10 = 0", one.period)  # fmt: skip
    life.proof.same(where, "regular bills", len(numbers), count)
    life.proof.month(where, one.period)
    life.proof.explains(where, _derived_again(one, numbers))
    life.issue(where, one.period, one.at)


def read(life: Traveller, one: Reading) -> None:
    """Import a book's readings as one file."""
    lines = ["serial;register;read_on;value"]
    for point, dials in one.dials.items():
        serial = life.world.points[point].serial
        lines += [f"{serial};{kind};{one.at.date()};{value}" for kind, value in dials.items()]
    done = metering.import_file("\n".join(lines).encode(), name=f"{one.where}.csv", at=one.at)
    life.proof.same(
        one.where, "readings taken, rejected", (len(lines) - 1, 0), (done.accepted, done.rejected)
    )


def _derived_again(one: Month, numbers: list[int]) -> list[int]:
    """Every month one bill in turn; all of them where a month is split, estimated or relieved."""
    texts = [str(entry) for entry in one.bills.values()]
    odd = any("datetime.date" in text or "'less'" in text or "estimated" in text for text in texts)
    turn = one.period.toordinal() // 28 % len(numbers) if numbers else 0
    return numbers if odd else numbers[turn : turn + 1]
