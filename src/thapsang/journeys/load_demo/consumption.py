"""How much each point uses, month by month, and what its dials show.

Use = the point's mean × the month's season × noise, in kWh. Means are drawn log-normally within a group of
customers; groups other than households are scaled so that July comes out at the published energy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

KINDS = ("total", "normal", "peak", "offpeak", "reactive")
TOTAL, NORMAL, PEAK, OFFPEAK, REACTIVE = range(5)
_LADDER = np.array(
    [1, 10, 20, 30, 40, 60, 80, 120, 160, 200, 400, 800, 1200, 2000, 4400, 8800, 22000], np.int64
)
_DIAL_A_MONTH = 900
"""A transformer's ratio is chosen so that the dial turns about this far a month."""
_NOISE = 0.13
_AWAY = 0.012


@dataclass(frozen=True)
class Registers:
    """The registers of some points: which point, which kind, its share of the use, its digits."""

    point: Ints
    kind: Ints
    share: Floats
    digits: Ints


def july_scale(settings: dict[str, Any]) -> float:
    """Return the factor on groups other than households that brings July to the published energy."""
    july = [
        (row["season"] == "household", row["share"] * row["mean"] * settings["seasons"][row["season"]][6])
        for row in settings["groups"]
    ]
    households = sum(kwh for household, kwh in july if household)
    others = sum(kwh for household, kwh in july if not household)
    return float((settings["july_gwh_per_million"] - households) / others)


def means(rng: np.random.Generator, settings: dict[str, Any], group: Ints) -> Floats:
    """Draw the mean use of each point, kWh a month."""
    scale = july_scale(settings)
    rows = settings["groups"]
    mean = np.array([row["mean"] * (1.0 if row["season"] == "household" else scale) for row in rows])[group]
    spread = np.array([row["spread"] for row in rows])[group]
    drawn = mean * np.exp(spread * rng.standard_normal(len(group)) - spread**2 / 2)
    away = rng.random(len(group)) < _AWAY
    return np.maximum(2.0, np.where(away & (mean < 500), drawn * 0.04, drawn))


def monthly_use(
    rng: np.random.Generator, settings: dict[str, Any], group: Ints, mean: Floats, months: Sequence[date]
) -> Floats:
    """Return kWh of each point (rows) in each month (columns)."""
    seasons = np.array([settings["seasons"][row["season"]] for row in settings["groups"]])
    season = seasons[:, [month.month - 1 for month in months]][group]
    noise = np.exp(_NOISE * rng.standard_normal((len(group), len(months))) - _NOISE**2 / 2)
    use: Floats = mean[:, None] * season * noise
    return use


def multipliers(mean: Floats, large: Bools) -> Ints:
    """Return the CT/VT ratio of each meter; 1 where the current goes straight through."""
    place = np.searchsorted(_LADDER, mean / _DIAL_A_MONTH)
    return np.where(large, _LADDER[np.minimum(place, len(_LADDER) - 1)], 1)


def registers(
    rng: np.random.Generator, settings: dict[str, Any], three_rate: Bools, reactive: Bools, household: Bools
) -> Registers:
    """Return the registers of points in the order of points and kinds."""
    has = np.zeros((len(three_rate), len(KINDS)), bool)
    has[:, TOTAL] = ~three_rate
    has[:, NORMAL : OFFPEAK + 1] = three_rate[:, None]
    has[:, REACTIVE] = reactive
    point, kind = np.nonzero(has)
    bands = np.array([settings["bands"][name] for name in KINDS[NORMAL:REACTIVE]])
    weights = bands * np.exp(0.2 * rng.standard_normal((len(three_rate), 3)))
    cos_phi = rng.uniform(0.78, 0.98, len(three_rate))
    shares = np.ones((len(three_rate), len(KINDS)))
    shares[:, NORMAL : OFFPEAK + 1] = weights / weights.sum(axis=1, keepdims=True)
    shares[:, REACTIVE] = np.tan(np.arccos(cos_phi))
    return Registers(point, kind, shares[point, kind], np.where(household, 5, 6)[point])


def dial_values(rng: np.random.Generator, dials: Registers, increments: Ints) -> Ints:
    """Return what each register shows on each boundary: a column more than `increments`; dials roll over."""
    size = 10**dials.digits
    start = (rng.random(len(size)) * size).astype(np.int64)
    ahead = np.concatenate([np.zeros((len(size), 1), np.int64), np.cumsum(increments, axis=1)], axis=1)
    values: Ints = (start[:, None] + ahead) % size[:, None]
    return values
