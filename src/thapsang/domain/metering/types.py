"""Words and rules of metering that need no database: periods of a book, dials, the policy on readings."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl
import yaml

Action = Literal["reject", "flag"]
BANDS = ("normal", "peak", "offpeak")
KINDS = ("total", *BANDS, "reactive")
QUALITIES = ("A", "C", "V")
"""Qualities a file may state: A read, C told by the customer, V checked on the spot (no spike check)."""

PURPOSES = ("", "price")
"""Purposes a file may state: none, or an interim reading that splits the period where the price changes."""


class MeteringPolicyError(ValueError):
    """The policy on readings cannot be used; the message names file, key and remedy."""


@dataclass(frozen=True)
class StormRules:
    """How readings are judged where supply was away for a part of the time, and estimates made."""

    factor: int
    floor_kwh_an_hour: int
    action: Action
    minimum_hours: int
    """Fewer hours with supply than these say nothing about the usual use: nobody is judged by them."""
    estimate_reference: Mapping[str, Any]


@dataclass(frozen=True)
class ReadingPolicy:
    """The rules in force on a date (policies/<distributor>/metering/reading.yaml)."""

    tolerance_days: int
    dial_share: float
    roll_over_action: Action
    spike_factor: int
    spike_floor_kwh: int
    spike_action: Action
    zero_usual_kwh: int
    zero_action: Action
    estimate_periods: int
    estimate_minimum_periods: int
    estimate_reference: Mapping[str, Any]
    storm: StormRules


@dataclass(frozen=True)
class BookPeriod:
    """The dates [start, end) a book's monthly period covers."""

    start: date
    end: date


def month_start(day: date, *, months: int = 0) -> date:
    """Return the first day of `day`'s month, moved by `months`."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def book_period(period: date, reading_day: int) -> BookPeriod:
    """Return the dates of a monthly period for a book read on `reading_day`.

    Day 1 means the reading of the last evening of the month: the period is the calendar month. Any other
    day d closes the period inside its month: [d of the month before, d).
    Raises ValueError for a day outside 1–28: such a date is missing from some months.
    """
    if not 1 <= reading_day <= 28:
        raise ValueError(f"Reading day {reading_day}: only 1 to 28 exist in every month.")
    if reading_day == 1:
        return BookPeriod(month_start(period), month_start(period, months=1))
    return BookPeriod(
        month_start(period, months=-1).replace(day=reading_day), month_start(period).replace(day=reading_day)
    )


def roll_over_plausible(before: int, after: int, digits: int, share: float) -> bool:
    """Tell whether a smaller value may be the dial past its last number: end of the dial → its beginning."""
    dial = 10**digits
    return after < before and before >= dial * (1 - share) and after <= dial * share


def dial_use(before: int, after: int, digits: int, share: float) -> int | None:
    """Return what a dial counted between two values; None when it went backwards."""
    if after >= before:
        return after - before
    return after - before + 10**digits if roll_over_plausible(before, after, digits, share) else None


def dial_use_column(before: pl.Expr, after: pl.Expr, digits: pl.Expr, share: float) -> pl.Expr:
    """Give `dial_use` for whole columns (null where the dial went backwards or a value is missing)."""
    dial = pl.lit(10, pl.Int64).pow(digits).cast(pl.Int64)
    plausible = (before >= dial * (1 - share)) & (after <= dial * share)
    return (
        pl.when(after >= before)
        .then(after - before)
        .when(plausible)
        .then(after - before + dial)
        .otherwise(None)
    )


def reading_policy(folder: Path, on: date) -> ReadingPolicy:
    """Return the rules in force on a date from a distributor's policy folder.

    Raises MeteringPolicyError naming the file, the key and what to write.
    """
    path = folder / "metering" / "reading.yaml"
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise MeteringPolicyError(f"{path} is missing: copy it from another distributor's folder.") from error
    found = [rules for start, end, rules in _parsed(path, stamp) if start <= on and (end is None or on < end)]
    if len(found) != 1:
        state = "no rules" if not found else "two sets of rules"
        raise MeteringPolicyError(
            f"{path}: {state} for {on}; mend `from`/`until` so that each day has exactly one."
        )
    return found[0]


@functools.lru_cache(maxsize=8)
def _parsed(path: Path, _stamp: int) -> list[tuple[date, date | None, ReadingPolicy]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return [(entry["from"], entry["until"], _rules(entry)) for entry in content["rules"]]
    except KeyError as error:
        raise MeteringPolicyError(
            f"{path}: the key {error} is missing; add it with its reference."
        ) from error
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise MeteringPolicyError(f"{path}: {error}") from error


def _rules(entry: Mapping[str, Any]) -> ReadingPolicy:
    for key in ("tolerance_days", "roll_over", "spike", "zero", "estimate", "storm"):
        if not entry[key].get("reference"):
            raise ValueError(f"`{key}` has no reference; say which text or whose decision it is.")
    spike, zero, roll, estimate = entry["spike"], entry["zero"], entry["roll_over"], entry["estimate"]
    return ReadingPolicy(
        tolerance_days=int(entry["tolerance_days"]["value"]),
        dial_share=float(roll["dial_share"]),
        roll_over_action=_action(roll["action"]),
        spike_factor=int(spike["factor"]),
        spike_floor_kwh=int(spike["floor_kwh"]),
        spike_action=_action(spike["action"]),
        zero_usual_kwh=int(zero["usual_kwh"]),
        zero_action=_action(zero["action"]),
        estimate_periods=int(estimate["periods"]),
        estimate_minimum_periods=int(estimate["minimum_periods"]),
        estimate_reference=estimate["reference"],
        storm=_storm_rules(entry["storm"]),
    )


def _storm_rules(storm: Mapping[str, Any]) -> StormRules:
    return StormRules(
        factor=int(storm["factor"]), floor_kwh_an_hour=int(storm["floor_kwh_an_hour"]),
        action=_action(storm["action"]), minimum_hours=int(storm["minimum_hours"]),
        estimate_reference=storm["reference"],
    )  # fmt: skip


def _action(text: str) -> Action:
    if text == "reject":
        return "reject"
    if text == "flag":
        return "flag"
    raise ValueError(f"`action: {text}` is neither reject nor flag.")
