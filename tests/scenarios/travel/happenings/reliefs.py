"""Programmes, lists, uses; relief granted to billed months and taken back."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from django.conf import settings

from tests.scenarios.travel import working
from tests.scenarios.travel.story import Step, month
from tests.scenarios.travel.traveller import APPROVER, ASKER, CLERK, DRAFTER, REVIEWER, Traveller, happens
from thapsang.domain.billing.types import bill_id
from thapsang.domain.reliefs import operations as reliefs
from thapsang.domain.reliefs import queries as granted
from thapsang.domain.tariffs import queries as tariffs
from thapsang.journeys import relieve_months
from thapsang.kit.db.transactions import transaction


@happens("programme in force")
def programme_in_force(life: Traveller, step: Step) -> None:
    folder = Path(settings.POLICIES) / settings.DISTRIBUTOR / "reliefs"
    text, book = (folder / step.values["file"]).read_text(encoding="utf-8"), tariffs.current_book()
    with transaction():
        number = reliefs.draft(
            file=step.values["file"], text=text, tariffs=book, actor=DRAFTER, reason=step.values["reason"],
            at=step.at,
        )  # fmt: skip
    with transaction():
        reliefs.review(programme_id=number, actor=REVIEWER, at=step.at)
    with transaction():
        reliefs.put_in_force(programme_id=number, tariffs=book, actor=REVIEWER, at=step.at)


@happens("programme closed")
def programme_closed(life: Traveller, step: Step) -> None:
    found = granted.programme_named(name=step.values["code"], status="in-force")
    with transaction():
        reliefs.close(
            programme_id=found.id, tariffs=tariffs.current_book(), actor=REVIEWER,
            reason=step.values["reason"], at=step.at,
        )  # fmt: skip


@happens("list arrives")
def list_arrives(life: Traveller, step: Step) -> None:
    values = step.values
    content = "\n".join(";".join(map(str, cells)) for cells in values["rows"])
    with transaction():
        done = reliefs.import_list(
            content=content.encode(), file_name=f"{values['code']}.csv", code=values["code"],
            lists=granted.list_scopes(), authority=values["authority"], document=values["document"],
            document_date=step.at.date(), start=values.get("from"), end=values.get("until"), actor=CLERK,
            at=step.at,
        )  # fmt: skip
    life.proof.same(step.where, "rows that are sure", len(values["rows"]) - 1, done.sure)


@happens("use recorded")
def use_recorded(life: Traveller, step: Step) -> None:
    values = step.values
    with transaction():
        reliefs.record_use(
            supply_point_id=life.world.points[values["point"]].id, use=values["use"], start=values["from"],
            end=values.get("until"), source=values["source"], actor=CLERK, at=step.at,
        )  # fmt: skip


@happens("relief granted")
def relief_granted(life: Traveller, step: Step) -> None:
    """Asked by one, computed, approved by another, carried out; `then.gives` by point and month."""
    values = step.values
    months = [month(name) for name in values["months"]]
    number = relieve_months.ask(
        programmes=values["programmes"], months=months, name=values["batch"], actor=ASKER,
        reason=values["reason"], at=step.at,
    )  # fmt: skip
    relieve_months.compute(batch_id=number)
    relieve_months.approve(batch_id=number, actor=APPROVER, at=step.at)
    relieve_months.run(batch_id=number, workers=1, at=step.at)
    life.world.batches[values["batch"]] = number
    _relieved(life, step, number, 1, months)


@happens("relief reversed")
def relief_reversed(life: Traveller, step: Step) -> None:
    number = life.world.batches[step.values["batch"]]
    relieve_months.ask_reversal(batch_id=number, actor=ASKER, reason=step.values["reason"], at=step.at)
    relieve_months.approve(batch_id=number, actor=APPROVER, at=step.at)
    relieve_months.run(batch_id=number, workers=1, at=step.at)
    _relieved(life, step, number, 2, [month(name) for name in step.values["months"]])


def _relieved(life: Traveller, step: Step, number: int, phase: int, months: list[date]) -> None:
    """Compare grants, report and bills of a batch with the story; `phase` 2 takes back."""
    sign = 1 if phase == 1 else -1
    wanted = {
        (point, month(name)): working.relief(entry, f"{step.where} {point} {name}")
        for point, entries in step.then["gives"].items() for name, entry in entries.items()
    }  # fmt: skip
    for (point, day), one in wanted.items():
        low = bill_id(day, life.world.points[point].id)
        given = [
            g for g in granted.grants_of_bills(bill_ids=[low]) if (g.batch_id, g.phase) == (number, phase)
        ]
        where = f"{step.where} {point} {day:%Y-%m}"
        got = (sum(g.amount for g in given), sum(g.vat for g in given))
        life.proof.same(where, "relief, its VAT", (sign * one.net, sign * one.vat), got)
        life.world.owed[life.world.points[point].who] -= sign * one.total
        made = sorted({g.adjusting_bill_id for g in given if g.adjusting_bill_id})
        life.proof.explains(where, made)
    total = sign * sum(one.total for one in wanted.values())
    life.world.relieved += total
    report = [row for row in granted.by_programme(batch_id=number) if row["phase"] == phase]
    life.proof.same(
        step.where, "the report's total", total, sum(row["amount"] + row["vat"] for row in report)
    )
    progress = granted.progress(batch_id=number, phase=phase)
    life.proof.same(step.where, "the batch's total", total, progress.net + progress.vat)
    for day in months:
        life.issue(step.where, day, step.at)
    life.world.touched.update(months)
