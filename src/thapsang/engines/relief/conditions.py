"""Who and when: each condition of a rule as a mask over a block, with the values it looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from thapsang.engines.money import divide_half_up
from thapsang.engines.periods import LAST_DAY, day_number, day_of, days_in_month
from thapsang.engines.rating.tables import Array
from thapsang.engines.relief.book import Group, Listing, Rule, Threshold, Validity
from thapsang.engines.relief.columns import Facts, Stays


@dataclass
class Situation:
    """A block of rated points, in order, with what the rules ask about them.

    Days are day numbers; `category`, `voltage`, `use` and `area` are places (-1 unknown), category and voltage
    those of the last billed day.
    """

    points: Array
    start: Array
    end: Array
    kwh: Array
    category: Array
    voltage: Array
    quarters: Array
    use: Array
    area: Array
    facts: Facts
    categories: tuple[str, ...]
    voltages: tuple[str, ...]
    uses: tuple[str, ...]
    scopes: dict[str, str]
    bill_month: date
    invoice_date: date

    @cached_property
    def month(self) -> Array:
        """Days of the month of each bill's first day."""
        return days_in_month(self.start)

    def scaled(self, monthly: int, scaled_by: tuple[str, ...]) -> Array:
        """Return monthly kWh grown by days and households as tiers are, half-up to whole kWh (facts B1)."""
        days = np.subtract(self.end, self.start, dtype=np.int64) if "days" in scaled_by else self.month
        quarters = self.quarters if "households" in scaled_by else np.int64(4)
        width: Array = divide_half_up(days * quarters * monthly, 4 * self.month)
        return width


@dataclass(frozen=True)
class Condition:
    """One condition over a block. `group` numbers the alternatives of `who`; 0 holds for all of them."""

    name: str
    group: int
    holds: Array
    wanted: str
    value: Callable[[int], str]


def inside_days(valid: Validity, start: Array, end: Array) -> Array:
    """Return the days of each bill inside a validity."""
    low, high = day_number(valid.start), day_number(valid.end) if valid.end else LAST_DAY
    days: Array = np.maximum(np.minimum(end, high) - np.maximum(start, low), 0)
    return days


def conditions(rule: Rule, at: Situation) -> Iterator[Condition]:
    """Yield the conditions of a rule, the cheapest first."""
    yield _valid(rule.valid, at)
    for number, group in enumerate(rule.who, start=1):
        yield from _group(group, number, at)
    if rule.threshold:
        yield from _threshold(rule.threshold, at)


def holding(rule: Rule, at: Situation) -> Array:
    """Return the points for which a rule's conditions hold: those for all, and one alternative of `who`."""
    common = np.ones(len(at.points), np.bool_)
    groups: dict[int, Array] = {}
    for condition in conditions(rule, at):
        if condition.group:
            groups[condition.group] = groups.get(condition.group, True) & condition.holds
            continue
        common &= condition.holds
        if not common.any():
            return common
    one = np.zeros(len(at.points), np.bool_)
    for mask in groups.values():
        one |= mask
    return common & one


def _valid(valid: Validity, at: Situation) -> Condition:
    wanted = f"{valid.by} from {valid.start} until {valid.end or 'further notice'}"
    if valid.by in {"bill-month", "invoice-date"}:
        day = at.bill_month if valid.by == "bill-month" else at.invoice_date
        holds = valid.start <= day and (valid.end is None or day < valid.end)
        return Condition("valid", 0, np.full(len(at.points), holds), wanted, lambda _: str(day))
    if valid.by == "use":
        days = inside_days(valid, at.start, at.end)
        return Condition(
            "valid", 0, days > 0, wanted, lambda i: f"{days[i]} of {at.end[i] - at.start[i]} days"
        )
    last = inside_days(valid, at.end - 1, at.end) > 0
    return Condition("valid", 0, last, wanted, lambda i: str(day_of(at.end[i] - 1)))


def _group(group: Group, number: int, at: Situation) -> Iterator[Condition]:
    for name, wanted, column, known, refused in (
        ("category", group.categories, at.category, at.categories, False),
        ("voltage", group.voltages, at.voltage, at.voltages, False),
        ("use", group.uses, at.use, at.uses, False),
        ("not-use", group.not_uses, at.use, at.uses, True),
    ):
        if wanted:
            yield _word(name, wanted, number, column, known, refused)
    if group.lists:
        yield _listed("list", group.lists, number, at, refused=False)
    if group.not_lists:
        yield _listed("not-list", group.not_lists, number, at, refused=True)


def _word(
    name: str, wanted: tuple[str, ...], group: int, column: Array, known: tuple[str, ...], refused: bool
) -> Condition:
    among = np.array([word in wanted for word in known] + [False])  # the last answers -1, the unknown
    return Condition(
        name,
        group,
        among.take(column, mode="wrap") != refused,
        ", ".join(wanted),
        lambda i: known[column[i]] if column[i] >= 0 else "none",
    )


def _listed(
    name: str, listings: tuple[Listing, ...], group: int, at: Situation, *, refused: bool
) -> Condition:
    masks = {f"{one.code} on {one.day}": _on_list(one, at) for one in listings}
    holds = np.zeros(len(at.points), np.bool_)
    for mask in masks.values():
        holds |= mask
    return Condition(
        name,
        group,
        holds != refused,
        ", ".join(masks),
        lambda i: ", ".join(text for text, mask in masks.items() if mask[i]) or "none",
    )


def _on_list(listing: Listing, at: Situation) -> Array:
    """Tell which points stand on a list on its day, themselves or through their area."""
    if isinstance(listing.day, date):
        low = np.broadcast_to(np.int64(day_number(listing.day)), at.end.shape)
        high = low + 1
    else:
        low, high = (at.start if listing.day == "any-billed-day" else at.end - 1), at.end
    stays = at.facts.lists[listing.code]
    if at.scopes[listing.code] == "point":
        return _points_on(stays, at.points, low, high)
    return _areas_on(stays, at.area, at.facts.areas, low, high)


def _points_on(stays: Stays, points: Array, low: Array, high: Array) -> Array:
    mask = np.zeros(len(points), np.bool_)
    rows = slice(*np.searchsorted(stays.owner, (points[0], points[-1] + 1)))
    owner = stays.owner[rows]
    place = np.searchsorted(points, owner)
    there = (points[place] == owner) & (stays.start[rows] < high[place]) & (stays.end[rows] > low[place])
    mask[place[there]] = True
    return mask


def _areas_on(stays: Stays, area: Array, areas: int, low: Array, high: Array) -> Array:
    """Ask the list once for each different stretch of days: a bill run has few."""
    window = (low.astype(np.int64) << 32) + high
    one = bool((window == window[0]).all())
    different, which = (window[:1], None) if one else np.unique(window, return_inverse=True)
    listed = np.zeros((len(different), areas + 1), np.bool_)  # the last column answers -1, no area
    for row, days in enumerate(different):
        first, after = int(days) >> 32, int(days) & (2**32 - 1)
        listed[row, stays.owner[(stays.start < after) & (stays.end > first)]] = True
    mask: Array = listed[0].take(area, mode="wrap") if which is None else listed[which, area]
    return mask


def _threshold(threshold: Threshold, at: Situation) -> Iterator[Condition]:
    for name, monthly in (("above", threshold.above), ("up-to", threshold.up_to)):
        if monthly is not None:
            yield _limit(name, at.scaled(monthly, threshold.scaled_by), monthly, at)


def _limit(name: str, limit: Array, monthly: int, at: Situation) -> Condition:
    holds = at.kwh > limit if name == "above" else at.kwh <= limit
    return Condition(name, 0, holds, f"{monthly} kWh a month", lambda i: f"{at.kwh[i]} kWh, limit {limit[i]}")
