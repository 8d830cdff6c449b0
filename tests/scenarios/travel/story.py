"""Stories from YAML: what happens on which day, what each month is read and billed; all lives in one order of days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_EARLY, _LATER, _EVENING = time(8), time(10), time(18)
_BILLING_DAY = 2
"""Bills of a month are made on the second day of the next: the readings of the first are in by then."""


@dataclass(frozen=True)
class Step:
    """One thing that happens: `name` says what, `values` how, `then` what must hold afterwards."""

    at: datetime
    where: str
    name: str
    values: dict[str, Any]
    then: dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """A book's dials, read on its day: register values by point."""

    at: datetime
    where: str
    dials: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Month:
    """The end of a month: `bills` by point, as the stories expect them."""

    at: datetime
    period: date
    bills: dict[str, dict[str, Any]]


@dataclass
class Story:
    """All lives together."""

    first: date
    last: date
    steps: list[Step] = field(default_factory=list)
    bills: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def days(self) -> Iterator[Step | Reading | Month]:
        """Give steps, readings and months in order of time; of one moment, in the order of the files."""
        everything: list[Step | Reading | Month] = [*self._months(), *self._readings(), *self.steps]
        yield from sorted(everything, key=lambda one: one.at)

    def _months(self) -> Iterator[Month]:
        for period in self._periods():
            named = f"{period:%Y-%m}"
            bills = {point: months[named] for point, months in self.bills.items() if named in months}
            day = month_after(period).replace(day=_BILLING_DAY)
            yield Month(datetime.combine(day, _EARLY, tzinfo=VIETNAM), period, bills)

    def _readings(self) -> Iterator[Reading]:
        """Read on the day that ends a book's period: the first of the next month, or the book's day in the month."""
        days = {
            book["code"]: book["reading_day"] for step in self.steps for book in step.values.get("books", [])
        }
        books = {step.values["point"]: step.values["book"] for step in self.steps if step.name == "point"}
        for period in self._periods():
            for code, day in days.items():
                until = month_after(period) if day == 1 else period.replace(day=day)
                entries = {
                    point: months[f"{period:%Y-%m}"]["read"]
                    for point, months in self.bills.items()
                    if books[point] == code and f"{period:%Y-%m}" in months
                }
                dials = {
                    point: read if isinstance(read, dict) else {"total": read}
                    for point, read in entries.items()
                    if read not in ("estimated", "closed")
                }
                if dials:
                    at = datetime.combine(until, _EVENING, tzinfo=VIETNAM)
                    yield Reading(at, f"reading of {code} on {until}", dials)

    def _periods(self) -> Iterator[date]:
        period = self.first
        while period <= self.last:
            yield period
            period = month_after(period)


def month_after(day: date) -> date:
    """Return the first day of the next month."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def month(text: str) -> date:
    """Return the first day of a month written 2020-04."""
    return date.fromisoformat(f"{text}-01")


def load(files: list[Path]) -> Story:
    """Read stories; the months billed are from the first to the last that any file names.

    What a batch of relief gives stands in each life, under `reliefs`: the step names it by `gives`.
    """
    steps: list[Step] = []
    bills: dict[str, dict[str, dict[str, Any]]] = {}
    reliefs: dict[str, dict[str, Any]] = {}
    for file in files:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        steps += [_step(file.name, entry) for entry in content.get("story") or []]
        steps += [one for habit in content.get("habits") or [] for one in _habit(file.name, habit)]
        bills |= content.get("bills") or {}
        for batch, gives in (content.get("reliefs") or {}).items():
            reliefs.setdefault(batch, {}).update(gives)
    for step in steps:
        if step.name.startswith("relief "):
            step.then["gives"] = reliefs[step.values["gives"]]
    named = sorted({name for months in bills.values() for name in months})
    return Story(month(named[0]), month(named[-1]), steps, bills)


def _step(file: str, entry: dict[str, Any]) -> Step:
    values = dict(entry)
    day, then = values.pop("day"), values.pop("then", {})
    kind = "given" if "given" in values else "when"
    name = values.pop(kind)
    at = datetime.combine(day, _LATER, tzinfo=VIETNAM)
    return Step(at, f"{file} {day} {name}", name, values, then)


def _habit(file: str, habit: dict[str, Any]) -> Iterator[Step]:
    """Give one payment of all that is owed in each month of a habit."""
    on, until = month(habit["from"]), month(habit["until"])
    while on <= until:
        if f"{on:%Y-%m}" not in habit.get("except", []):
            at = datetime.combine(on.replace(day=habit["day"]), _LATER, tzinfo=VIETNAM)
            values = {"who": habit["who"], "amount": "all", "by": habit.get("by", "bank")}
            yield Step(at, f"{file} {at.date()} pays", "pays", values, {})
        on = month_after(on)
