"""The use of many points over two years is what each point's own page says of it."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

import polars as pl
import pytest

from tests.factories import metering as make
from thapsang.domain.metering import queries
from thapsang.domain.metering.bulk import usage_of_months
from thapsang.domain.metering.types import month_start
from thapsang.kit.bulk.copy import bulk_connection

pytestmark = pytest.mark.django_db(transaction=True)
OCT = date(2026, 10, 1)


def bounds(count: int, day: int) -> list[date]:
    """Return the days between the last `count` periods up to October's."""
    last = 1 if day == 1 else 0
    return [month_start(OCT, months=last - back).replace(day=day) for back in range(count, -1, -1)]


def filled(
    installation: Any, days: list[date], random: Random, *, kinds: tuple[str, ...] = ("total",)
) -> None:
    for kind in kinds:
        value = random.randrange(1000)
        for number, day in enumerate(days):
            quality = "E" if random.random() < 0.2 else "A"
            make.reading(installation, day, value % 10**6, kind=kind, quality=quality)
            value += random.randrange(500) if number % 5 else 0


def bulk(points: list[int], day: int, months: int = 25) -> dict[int, list[queries.MonthUsage]]:
    with bulk_connection() as link:
        return usage_of_months(link, points=pl.Series(sorted(points)), day=day, period=OCT, months=months)


def alone(point: int, until: date, months: int = 25) -> list[queries.MonthUsage]:
    first = month_start(OCT, months=1 - months)
    found = queries.monthly_usage(supply_point_id=point, months=months, until=until)
    return [one for one in found if one.month >= first]


@pytest.mark.parametrize("day", [1, 12])
def test_all_kinds_of_points_agree_with_their_own_page(day: int) -> None:
    random, book = Random(day), make.book(reading_day=day)
    days = bounds(26, day)
    placed = [make.supply_point(book) for _ in range(12)]
    points = [point.id for point in placed]
    three = ("total", "normal", "peak", "offpeak", "reactive")
    filled(make.meter(placed[0]), days, random)
    filled(make.meter(placed[1]), days[20:], random)
    filled(make.meter(placed[2], kinds=three, multiplier=40), days[15:], random, kinds=three)
    filled(make.meter(placed[3]), [d for n, d in enumerate(days) if n % 7], random)  # months unread
    old, new = make.meter(placed[4], end=date(2026, 3, 20)), make.meter(placed[4], start=date(2026, 3, 20))
    filled(old, [d for d in days if d < date(2026, 3, 20)] + [date(2026, 3, 20)], random)
    filled(new, [date(2026, 3, 20)] + [d for d in days if d > date(2026, 3, 20)], random)
    late = make.meter(placed[5], start=date(2026, 6, 17))
    filled(late, [date(2026, 6, 17), *[d for d in days if d > date(2026, 6, 17)]], random)
    filled(make.meter(placed[6], start=days[10]), days[10:], random)
    near = make.meter(placed[7])
    filled(near, [*days[:20], days[20].replace(day=days[20].day + 1), *days[21:]], random)
    split = make.meter(placed[8])
    filled(split, sorted({*days, date(2026, 5, 22)}), random)
    back = make.meter(placed[9])
    for place, value in ((-4, 500), (-3, 400), (-2, 450), (-1, 460)):  # read wrong once
        make.reading(back, days[place], value)
    over = make.meter(placed[10], digits=4)
    for place, value in ((-3, 9_990), (-2, 20), (-1, 35)):
        make.reading(over, days[place], value)
    found = bulk(points, day)
    for point in points:
        assert found.get(point, []) == alone(point, days[-1]), point
    assert len(found[points[0]]) == 25 and points[11] not in found
    assert [one.kwh for one in found[points[10]]] == [30, 15]


def test_few_points_far_apart_and_none() -> None:
    random, book, days = Random(3), make.book(), bounds(4, 1)
    placed = [make.supply_point(book) for _ in range(9)]
    points = [point.id for point in placed]
    for point in placed:
        filled(make.meter(point), days, random)
    apart = [points[0], points[8]]
    found = bulk(apart, 1, months=3)
    assert set(found) == set(apart)
    assert all(found[point] == alone(point, days[-1], months=3) for point in apart)
    assert bulk([], 1) == {}
