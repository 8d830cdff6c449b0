"""Meters, readings and monthly consumption of one supply point."""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import connection

from thapsang.domain.metering.models import Installation, Meter, Reading, SupersededReading
from thapsang.domain.metering.types import (
    BANDS,
    ReadingPolicy,
    book_period,
    dial_use,
    month_start,
    reading_policy,
)
from thapsang.kit.db.questions import Question, Rows, answer


@dataclass(frozen=True)
class MonthUsage:
    """kWh of one monthly period; `estimated` when the reading that closed it was an estimate."""

    month: date
    kwh: int
    estimated: bool


@dataclass(frozen=True)
class RegisterView:
    """One dial of a meter: total, normal, peak, offpeak (kWh) or reactive (kvarh)."""

    id: int
    kind: str
    digits: int


@dataclass(frozen=True)
class MeterView:
    """A meter on a point in [start, end); `end` None while it hangs."""

    installation_id: int
    serial: str
    kind: str
    remote: bool
    start: date
    end: date | None
    multiplier: int
    registers: list[RegisterView]


@dataclass(frozen=True)
class ReadingView:
    """A dial's value at 00:00 of `read_on`; quality A read, C by the customer, V checked, E estimated."""

    register_id: int
    meter: str
    register: str
    read_on: date
    value: int
    quality: str
    source: str
    import_id: int | None


def points_by_meter(*, serial: str) -> list[int]:
    """Return the ids of the supply points a meter hangs or hung on, the present one first."""
    hung = Installation.objects.filter(meter__serial=serial.strip()).order_by("-start")
    return list(dict.fromkeys(hung.values_list("supply_point_id", flat=True)))


def meters(*, supply_point_id: int) -> list[MeterView]:
    """Return the meters of a point with their registers, the present one first."""
    hung = (
        Installation.objects.filter(supply_point_id=supply_point_id)
        .select_related("meter").prefetch_related("registers").order_by("-start")
    )  # fmt: skip
    return [_meter(one, one.meter) for one in hung]


def _meter(one: Installation, meter: Meter) -> MeterView:
    dials = sorted(one.registers.all(), key=lambda register: register.pk)
    return MeterView(
        installation_id=one.pk, serial=meter.serial, kind=meter.kind, remote=meter.remote, start=one.start,
        end=one.end, multiplier=one.multiplier,
        registers=[RegisterView(d.pk, d.kind, d.digits) for d in dials],
    )  # fmt: skip


_READINGS = """
SELECT m.register_id, me.serial, r.kind, m.read_on, m.value, m.quality, m.source, m.import_file_id
FROM metering_installation i JOIN metering_meter me ON me.id = i.meter_id
JOIN metering_register r ON r.installation_id = i.id JOIN metering_reading m ON m.register_id = r.id
WHERE i.supply_point_id = %s ORDER BY m.read_on DESC, r.id LIMIT %s
"""


def any_reading(*, after: date, until: date) -> bool:
    """Say whether any meter was read after one day and not after another."""
    return Reading.objects.filter(read_on__gt=after, read_on__lte=until).exists()


def readings(*, supply_point_id: int, limit: int = 60) -> list[ReadingView]:
    """Return the newest readings of a point's meters, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_READINGS, [supply_point_id, limit])
        return [ReadingView(*row) for row in cursor.fetchall()]


def superseded(*, supply_point_id: int, limit: int = 60) -> list[ReadingView]:
    """Return the values that readings of a point had before they were corrected, newest first."""
    old = SupersededReading.objects.filter(register__installation__supply_point_id=supply_point_id)
    old = old.select_related("register__installation__meter").order_by("-id")[:limit]
    return [
        ReadingView(
            register_id=o.register_id, meter=o.register.installation.meter.serial, register=o.register.kind,
            read_on=o.read_on, value=o.value, quality=o.quality, source=o.source, import_id=o.import_file_id,
        )
        for o in old
    ]  # fmt: skip


_TIMELINE = """
SELECT b.reading_day, r.id, r.kind, r.digits, i.id, i.multiplier, i.start, i."end", m.read_on, m.value,
       m.quality
FROM customers_supplypoint p JOIN network_readingbook b ON b.id = p.book_id
JOIN metering_installation i ON i.supply_point_id = p.id
JOIN metering_register r ON r.installation_id = i.id AND r.kind <> 'reactive'
JOIN metering_reading m ON m.register_id = r.id AND m.read_on BETWEEN %(first)s AND %(last)s
WHERE p.id = %(point)s ORDER BY r.id, m.read_on
"""


SEARCHED = ("metering_meter", "metering_installation")
"""Tables that finding a point by its meter reads."""
_A_MONTH_OR_TWO = timedelta(days=62)
_period = functools.lru_cache(maxsize=1024)(book_period)


@dataclass(frozen=True)
class _Dial:
    """One register with its readings in order."""

    kind: str
    digits: int
    installation: int
    multiplier: int
    start: date
    end: date | None
    readings: list[tuple[date, int, str]]
    days: list[date]
    """The days of the readings."""
    on: dict[date, tuple[date, int, str]]
    """The reading of each of these days, the lowest where there are several."""


def monthly_usage(*, supply_point_id: int, months: int = 25, until: date) -> list[MonthUsage]:
    """Return kWh of the last `months` periods that had ended by `until` (exclusive end), oldest first.

    Months without the readings to know are left out. `month` is the first day of the period's month.
    """
    known = answer(timeline_question(supply_point_id=supply_point_id, months=months, until=until))
    return known.months(count=months, until=until)


@dataclass(frozen=True)
class Timeline:
    """A point's dials with their readings over some months."""

    reading_day: int
    dials: list[_Dial]

    def months(self, *, count: int = 25, until: date) -> list[MonthUsage]:
        """Return what `monthly_usage` does, from readings that were read already."""
        if not self.dials:
            return []
        last = month_start(until)
        policy = reading_policy(settings.POLICIES / settings.DISTRIBUTOR, until)
        begin = min(dial.days[0] for dial in self.dials)
        known = []
        for back in range(count + 1, -1, -1):
            month = month_start(last, months=-back)
            if month < begin - _A_MONTH_OR_TWO:
                continue
            dates = _period(month, self.reading_day)
            if dates.end <= until and (usage := _month(month, dates.start, dates.end, self.dials, policy)):
                known.append(usage)
        return known[-count:]


def timeline_question(*, supply_point_id: int, months: int = 25, until: date) -> Question[Timeline]:
    """Ask for the readings that tell a point's `months` periods before `until`."""
    first = month_start(month_start(until), months=-months - 1)
    begin, end = first - timedelta(days=31), until + timedelta(days=5)
    return Question(_TIMELINE, {"first": begin, "last": end, "point": supply_point_id}, _timeline)


def _timeline(found: Rows) -> Timeline:
    return Timeline(found[0][0], dials_of(found)) if found else Timeline(1, [])


def dials_of(readings: Iterable[tuple[Any, ...]]) -> list[_Dial]:
    """Return a point's dials with their readings; rows as `_TIMELINE` gives them, in order of register and day."""
    dials = []
    for _, group in groupby(readings, key=lambda row: row[1]):
        lines = list(group)
        _, _, kind, digits, installation, multiplier, start, end, *_ = lines[0]
        values = [(line[8], line[9], line[10]) for line in lines]
        days = [value[0] for value in values]
        on = {value[0]: value for value in sorted(values, reverse=True)}
        dials.append(_Dial(kind, digits, installation, multiplier, start, end, values, days, on))
    banded = {dial.installation for dial in dials if dial.kind in BANDS}
    return [dial for dial in dials if dial.kind in BANDS or dial.installation not in banded]


def _month(
    month: date, start: date, end: date, dials: list[_Dial], policy: ReadingPolicy
) -> MonthUsage | None:
    kwh, estimated, counted = 0, False, False
    for dial in dials:
        lower, upper = max(start, dial.start), min(end, dial.end or end)
        if lower >= upper:
            continue
        first, last = _near(dial, lower, start, policy), _near(dial, upper, end, policy)
        use = dial_use(first[1], last[1], dial.digits, policy.dial_share) if first and last else None
        if use is None or last is None:
            return None
        kwh += use * dial.multiplier
        estimated |= last[2] == "E"
        counted = True
    return MonthUsage(month, kwh, estimated) if counted else None


def _near(dial: _Dial, day: date, boundary: date, policy: ReadingPolicy) -> tuple[date, int, str] | None:
    """Return the reading that stands for a boundary: within the tolerance at a regular one (as in bulk)."""
    if (exact := dial.on.get(day)) is not None:
        return exact
    allowed = timedelta(days=policy.tolerance_days if day == boundary else 0)
    begin = bisect_left(dial.days, day - allowed)
    near = dial.readings[begin : bisect_right(dial.days, day + allowed)]
    return min(near, key=lambda reading: (abs(reading[0] - day), reading)) if near else None
