"""What can happen in a story, each by the product's own journey or operation; and what must hold afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.factories.payments import vnpay_message
from tests.scenarios.travel import working
from tests.scenarios.travel.proof import Proof, rows
from tests.scenarios.travel.story import Month, Step, month
from tests.scenarios.travel.world import World, quarters
from thapsang.domain.billing.types import bill_id
from thapsang.domain.customers import operations as customers
from thapsang.domain.metering import operations as metering
from thapsang.domain.payments.types import IdempotencyKey
from thapsang.domain.reliefs import operations as reliefs
from thapsang.domain.reliefs import queries as granted
from thapsang.domain.tariffs import queries as tariffs
from thapsang.journeys import (
    close_supply,
    correct_bills,
    issue_invoices,
    pay_bill,
    relieve_months,
    run_billing,
)
from thapsang.kit.db.transactions import transaction

DRAFTER, REVIEWER, ASKER, APPROVER, CLERK = "lan", "minh", "hoa", "tuan", "thu"


@dataclass
class Traveller:
    """Lives a story through: does each step, then compares."""

    world: World = field(default_factory=World)
    proof: Proof = field(default_factory=Proof)
    _slips: int = 0

    def live(self, one: Step | Month) -> None:
        """Do what happens at one moment, and prove the money afterwards."""
        if isinstance(one, Month):
            self._month(one)
            where = f"end of {one.period:%Y-%m}"
        else:
            where = one.where
            _STEPS[one.name](self, one)
            for who, amount in one.then.get("owes", {}).items():
                self.proof.same(where, f"{who} owes, as worked out", amount, self.world.owed[who])
        self.proof.money(where, self.world)

    # ---- a month ends: read, estimate, bill, check, invoice

    def _month(self, one: Month) -> None:
        where, world = f"end of {one.period:%Y-%m}", self.world
        if one.period.month == 1:
            self.proof.audit(where)
            self.proof.numbers(where)
        self._read(one, where)
        run_billing.start(period=one.period, workers=1, at=one.at)
        numbers = []
        for point, entry in one.bills.items():
            wanted = working.figures(entry, f"{where} {point}")
            number = bill_id(one.period, world.points[point].id)
            self.proof.bill(f"{where} {point}", number, wanted)
            world.owed[entry.get("who", world.points[point].who)] += wanted.total
            numbers.append(number)
        ((count,),) = rows("SELECT count(*) FROM billing_bill b JOIN billing_billrun r ON r.id = b.run_id "
                           "WHERE r.period = %s AND b.id %% 10 = 0", one.period)  # fmt: skip
        self.proof.same(where, "regular bills", len(numbers), count)
        self.proof.month(where, one.period)
        self.proof.explains(where, numbers)
        self._issue(where, one.period, one.at)

    def _read(self, one: Month, where: str) -> None:
        """Import the month's readings as one file; estimate what the story leaves unread."""
        lines = ["serial;register;read_on;value"]
        unread = False
        for point, entry in one.bills.items():
            there = self.world.points[point]
            _, until = self.world.reading_days_of(point, one.period)
            if entry["read"] == "estimated":
                unread = True
            elif entry["read"] != "closed":
                values = entry["read"] if isinstance(entry["read"], dict) else {"total": entry["read"]}
                lines += [f"{there.serial};{kind};{until};{value}" for kind, value in values.items()]
        if len(lines) > 1:
            done = metering.import_file(
                "\n".join(lines).encode(), name=f"{one.period:%Y-%m}.csv", at=one.at - timedelta(hours=1)
            )
            self.proof.same(
                where, "readings taken, rejected", (len(lines) - 1, 0), (done.accepted, done.rejected)
            )
        if unread:
            metering.estimate_missing(period=one.period)

    def _issue(self, where: str, period: date, at: datetime) -> None:
        issue_invoices.start(period=period, workers=1, at=at)
        self.proof.invoices(where, period)

    # ---- given

    def place(self, step: Step) -> None:
        self.world.place(**step.values)

    def customer(self, step: Step) -> None:
        self.world.customer(at=step.at, **step.values)

    def point(self, step: Step) -> None:
        self.world.connect(at=step.at, **step.values)

    # ---- the meter

    def meter_replaced(self, step: Step) -> None:
        point, meter = self.world.points[step.values["point"]], step.values["meter"]
        with transaction():
            metering.replace_meter(
                supply_point_id=point.id, on=step.at.date(), closing=step.values["closing"],
                meter=metering.NewMeter(**meter),
            )  # fmt: skip
        point.serial = meter["serial"]

    def read_on_the_day(self, step: Step) -> None:
        """A reading between two months, on the day a price changes."""
        point = self.world.points[step.values["point"]]
        with transaction():
            metering.read_between(
                supply_point_id=point.id, on=step.at.date(), values=step.values["dial"],
                reason=step.values["reason"], actor=CLERK, at=step.at,
            )  # fmt: skip

    def reading_corrected(self, step: Step) -> None:
        point = self.world.points[step.values["point"]]
        ((register,),) = rows(
            "SELECT r.id FROM metering_register r JOIN metering_installation i ON i.id = r.installation_id JOIN "
            "metering_meter m ON m.id = i.meter_id WHERE m.serial = %s AND r.kind = %s AND i.supply_point_id = %s",
            point.serial, step.values.get("register", "total"), point.id,
        )  # fmt: skip
        with transaction():
            metering.correct_reading(
                register_id=register, read_on=step.values["read_on"], value=step.values["dial"],
                reason=step.values["reason"], actor=CLERK, at=step.at,
            )  # fmt: skip

    # ---- agreements

    def terms_corrected(self, step: Step) -> None:
        values = quarters(step.values)
        point = self.world.points[values.pop("point")]
        with transaction():
            customers.correct_terms(
                agreement_id=point.agreement, start=values.pop("from"), actor=CLERK, at=step.at, **values
            )

    def terms_changed(self, step: Step) -> None:
        values = quarters(step.values)
        point = self.world.points[values.pop("point")]
        with transaction():
            customers.change_terms(agreement_id=point.agreement, start=step.at.date(), **values)

    def supply_closed(self, step: Step) -> None:
        point, day = self.world.points[step.values["point"]], step.at.date()
        closed = close_supply.close(
            point_code=point.code, on=day, readings=step.values["dial"], reason=step.values["reason"],
            document=step.values["document"], actor=CLERK, at=step.at, take_down=step.values.get("take_down", False),
        )  # fmt: skip
        if "bill" not in step.then:
            self.proof.same(step.where, "no final bill", None, closed.bill_id)
            return
        wanted = working.figures(step.then["bill"], step.where)
        self.proof.bill(step.where, closed.bill_id or 0, wanted)
        self.world.owed[point.who] += wanted.total
        self.proof.explains(step.where, [closed.bill_id or 0])

    def moved_in(self, step: Step) -> None:
        values = dict(step.values)
        point, who = self.world.points[values.pop("point")], values.pop("who")
        point.agreement = close_supply.move_in(
            point_code=point.code, customer_code=self.world.people[who].code, on=step.at.date(), actor=CLERK,
            at=step.at, **quarters(values),
        )  # fmt: skip
        point.who = who

    # ---- bills put right

    def bills_corrected(self, step: Step) -> None:
        """One person previews, another issues; each month's figures are those of `then.bills`."""
        values, point = step.values, self.world.points[step.values["point"]]
        wanted = {month(name): entry for name, entry in step.then["bills"].items()}
        draft = correct_bills.preview(
            first=month(values["first"]), last=month(values["last"]), points=[point.id], reason=values["reason"],
            document=values["document"], actor=ASKER, at=step.at,
        ).correction  # fmt: skip
        changes = {day: working.difference(entry["change"], step.where) for day, entry in wanted.items()}
        self.proof.same(step.where, "the preview's total", sum(changes.values()), draft.total)
        self.proof.same(step.where, "months that change", len(wanted), draft.bills)
        correct_bills.issue(correction_id=draft.id, how=values["how"], actor=APPROVER, at=step.at)
        self.world.owed[point.who] += sum(changes.values())
        for day, entry in wanted.items():
            self._corrected(step, day, point.id, values["how"], entry, changes[day])

    def _corrected(
        self, step: Step, day: date, point: int, how: str, entry: dict[str, Any], change: int
    ) -> None:
        where, low = f"{step.where} {day:%Y-%m}", bill_id(day, point)
        new = working.figures(entry, where)
        made = rows(
            "SELECT b.id, l.kind, b.total FROM billing_bill b JOIN billing_billlink l ON l.bill_id = b.id WHERE b.id "
            "BETWEEN %s AND %s AND l.origin LIKE 'correction:%%' ORDER BY b.id DESC LIMIT %s",
            low, low + 9, 1 if how == "adjust" else 2,
        )  # fmt: skip
        self.proof.same(where, "the month's change", change, sum(total for _, _, total in made))
        ((stands,),) = rows(
            "SELECT sum(total)::bigint FROM billing_bill b WHERE b.id BETWEEN %s AND %s AND NOT EXISTS (SELECT FROM "
            "billing_billlink l WHERE l.bill_id = b.id AND l.origin LIKE 'relief:%%')",
            low, low + 9,
        )  # fmt: skip
        self.proof.same(where, "the month as it stands, relief apart", new.total, stands)
        if how == "replace":
            self.proof.bill(where, made[0][0], new)
        self.proof.explains(where, [number for number, _, _ in made])
        self.proof.month(where, day)
        self._issue(where, day, step.at)
        self.world.touched.add(day)

    # ---- relief

    def programme_in_force(self, step: Step) -> None:
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

    def programme_closed(self, step: Step) -> None:
        found = granted.programme_named(name=step.values["code"], status="in-force")
        with transaction():
            reliefs.close(
                programme_id=found.id, tariffs=tariffs.current_book(), actor=REVIEWER,
                reason=step.values["reason"], at=step.at,
            )  # fmt: skip

    def list_arrives(self, step: Step) -> None:
        values = step.values
        content = "\n".join(";".join(map(str, cells)) for cells in values["rows"])
        with transaction():
            done = reliefs.import_list(
                content=content.encode(), file_name=f"{values['code']}.csv", code=values["code"],
                lists=granted.list_scopes(), authority=values["authority"], document=values["document"],
                document_date=step.at.date(), start=values.get("from"), end=values.get("until"), actor=CLERK,
                at=step.at,
            )  # fmt: skip
        self.proof.same(step.where, "rows that are sure", len(values["rows"]) - 1, done.sure)

    def use_recorded(self, step: Step) -> None:
        values = step.values
        with transaction():
            reliefs.record_use(
                supply_point_id=self.world.points[values["point"]].id, use=values["use"], start=values["from"],
                end=values.get("until"), source=values["source"], actor=CLERK, at=step.at,
            )  # fmt: skip

    def relief_granted(self, step: Step) -> None:
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
        self.world.batches[values["batch"]] = number
        self._relieved(step, number, 1, months)

    def relief_reversed(self, step: Step) -> None:
        number = self.world.batches[step.values["batch"]]
        relieve_months.ask_reversal(batch_id=number, actor=ASKER, reason=step.values["reason"], at=step.at)
        relieve_months.approve(batch_id=number, actor=APPROVER, at=step.at)
        relieve_months.run(batch_id=number, workers=1, at=step.at)
        self._relieved(step, number, 2, [month(name) for name in step.values["months"]])

    def _relieved(self, step: Step, number: int, phase: int, months: list[date]) -> None:
        """Compare grants, report and bills of a batch with the story; `phase` 2 takes back."""
        sign = 1 if phase == 1 else -1
        wanted = {
            (point, month(name)): working.relief(entry, f"{step.where} {point} {name}")
            for point, entries in step.then["gives"].items() for name, entry in entries.items()
        }  # fmt: skip
        for (point, day), one in wanted.items():
            low = bill_id(day, self.world.points[point].id)
            given = [
                g for g in granted.grants_of_bills(bill_ids=[low]) if (g.batch_id, g.phase) == (number, phase)
            ]
            where = f"{step.where} {point} {day:%Y-%m}"
            got = (sum(g.amount for g in given), sum(g.vat for g in given))
            self.proof.same(where, "relief, its VAT", (sign * one.net, sign * one.vat), got)
            self.world.owed[self.world.points[point].who] -= sign * one.total
            made = sorted({g.adjusting_bill_id for g in given if g.adjusting_bill_id})
            self.proof.explains(where, made)
        total = sign * sum(one.total for one in wanted.values())
        self.world.relieved += total
        report = [row for row in granted.by_programme(batch_id=number) if row["phase"] == phase]
        self.proof.same(
            step.where, "the report's total", total, sum(row["amount"] + row["vat"] for row in report)
        )
        progress = granted.progress(batch_id=number, phase=phase)
        self.proof.same(step.where, "the batch's total", total, progress.net + progress.vat)
        for day in months:
            self._issue(step.where, day, step.at)
        self.world.touched.update(months)

    # ---- money arrives

    def pays(self, step: Step) -> None:
        """By bank, by gateway or by VietQR; `amount` in đồng, or `all` that is owed now."""
        who, by = step.values["who"], step.values.get("by", "bank")
        person, owed = self.world.people[who], self.world.owed[who]
        amount = owed if step.values["amount"] == "all" else step.values["amount"]
        if amount <= 0:
            return
        self._slips += 1
        _PAY[by](person.code, amount, f"GD{self._slips:06d}", step.at)
        self.world.owed[who] -= amount


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
_STEPS: dict[str, Callable[[Traveller, Step], None]] = {
    "place": Traveller.place,
    "customer": Traveller.customer,
    "point": Traveller.point,
    "meter replaced": Traveller.meter_replaced,
    "read on the day": Traveller.read_on_the_day,
    "reading corrected": Traveller.reading_corrected,
    "terms corrected": Traveller.terms_corrected,
    "terms changed": Traveller.terms_changed,
    "supply closed": Traveller.supply_closed,
    "moves in": Traveller.moved_in,
    "bills corrected": Traveller.bills_corrected,
    "programme in force": Traveller.programme_in_force,
    "programme closed": Traveller.programme_closed,
    "list arrives": Traveller.list_arrives,
    "use recorded": Traveller.use_recorded,
    "relief granted": Traveller.relief_granted,
    "relief reversed": Traveller.relief_reversed,
    "pays": Traveller.pays,
}
