"""Bills put right: one person previews, another issues."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.scenarios.travel import working
from tests.scenarios.travel.proof import rows
from tests.scenarios.travel.story import Step, month
from tests.scenarios.travel.traveller import APPROVER, ASKER, Traveller, happens
from thapsang.domain.billing.types import bill_id
from thapsang.journeys import correct_bills


@happens("bills corrected")
def bills_corrected(life: Traveller, step: Step) -> None:
    """One person previews, another issues; each month's figures are those of `then.bills`."""
    values, point = step.values, life.world.points[step.values["point"]]
    wanted = {month(name): entry for name, entry in step.then["bills"].items()}
    draft = correct_bills.preview(
        first=month(values["first"]), last=month(values["last"]), points=[point.id], reason=values["reason"],
        document=values["document"], actor=ASKER, at=step.at,
    ).correction  # fmt: skip
    changes = {day: working.difference(entry["change"], step.where) for day, entry in wanted.items()}
    life.proof.same(step.where, "the preview's total", sum(changes.values()), draft.total)
    life.proof.same(step.where, "months that change", len(wanted), draft.bills)
    correct_bills.issue(correction_id=draft.id, how=values["how"], actor=APPROVER, at=step.at)
    life.world.owed[point.who] += sum(changes.values())
    for day, entry in wanted.items():
        _corrected(life, step, day, point.id, values["how"], entry, changes[day])
    life.proof.month(step.where, max(wanted))  # the others are checked at the end


def _corrected(
    life: Traveller, step: Step, day: date, point: int, how: str, entry: dict[str, Any], change: int
) -> None:
    where, low = f"{step.where} {day:%Y-%m}", bill_id(day, point)
    new = working.figures(entry, where)
    life.world.relieved += new.relief - life.world.in_bill[step.values["point"], day]
    life.world.in_bill[step.values["point"], day] = new.relief
    made = rows(
        "SELECT b.id, l.kind, b.total FROM billing_bill b JOIN billing_billlink l ON l.bill_id = b.id WHERE b.id "
        "BETWEEN %s AND %s AND l.origin LIKE 'correction:%%' ORDER BY b.id DESC LIMIT %s",
        low, low + 9, 1 if how == "adjust" else 2,
    )  # fmt: skip
    life.proof.same(where, "the month's change", change, sum(total for _, _, total in made))
    ((stands,),) = rows(
        "SELECT sum(total)::bigint FROM billing_bill b WHERE b.id BETWEEN %s AND %s AND NOT EXISTS (SELECT FROM "
        "billing_billlink l WHERE l.bill_id = b.id AND l.origin LIKE 'relief:%%')",
        low, low + 9,
    )  # fmt: skip
    life.proof.same(where, "the month as it stands, relief apart", new.total, stands)
    if how == "replace":
        life.proof.bill(where, made[0][0], new)
    life.proof.explains(where, [number for number, _, _ in made])
    life.issue(where, day, step.at)
    life.world.touched.add(day)
