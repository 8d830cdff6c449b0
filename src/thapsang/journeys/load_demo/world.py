"""What the chunks of the province share, and what is drawn about a chunk's supply points first of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from thapsang.journeys.load_demo import consumption as use
from thapsang.journeys.load_demo.plan import Chunk, Commune, Team

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Tables = dict[str, pa.Table]

_EPOCH = date(1970, 1, 1)
_OLDEST = date(2008, 1, 1)


@dataclass(frozen=True)
class World:
    """What all chunks share: the settings, the places, the reading dates, the clock."""

    settings: dict[str, Any]
    teams: list[Team]
    communes: list[Commune]
    boundaries: list[date]
    at: datetime

    @property
    def months(self) -> list[date]:
        """First days of the months of history."""
        return self.boundaries[:-1]


@dataclass(frozen=True)
class Points:
    """What is drawn about each supply point of a chunk before its rows are written."""

    customer: Ints
    """Row of the customer in the chunk."""
    sequence: Ints
    id: Ints
    group: Ints
    mean: npt.NDArray[np.float64]
    three_rate: Bools
    reactive: Bools
    since: Ints
    """Day number of the agreement's start."""
    joined: Ints
    """Index of the first boundary the point has a reading on."""
    fate: npt.NDArray[np.str_]
    """What goes wrong in the last period; empty for nearly all."""
    day: Ints
    """The day number inside the last period on which it happens."""


def day_number(day: date) -> int:
    """Return days since 1970."""
    return (day - _EPOCH).days


def dates_column(days: Ints) -> Any:
    """Return an Arrow column of dates from day numbers."""
    return pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32())


def of_group(world: World, group: Ints, field: str) -> npt.NDArray[Any]:
    """Return a field of the settings' group for each row."""
    return np.array([row[field] for row in world.settings["groups"]])[group]


def known_people(world: World, chunk: Chunk) -> list[dict[str, Any]]:
    """Return the people everybody knows: they stand at the head of the first chunk."""
    return list(world.settings["people"]) if chunk.number == 0 else []


def group_like(world: World, point: dict[str, Any]) -> int:
    """Return the settings' group with a known point's category and voltage."""
    wanted = (point["category"], point.get("voltage", "lt6"))
    groups = world.settings["groups"]
    return next(i for i, row in enumerate(groups) if (row["category"], row["voltage"]) == wanted)


def draw_points(world: World, chunk: Chunk, group: Ints, rng: np.random.Generator) -> Points:
    """Draw everything about the chunk's supply points that several tables depend on."""
    customer = np.repeat(np.arange(len(chunk.points)), chunk.points)
    first = np.cumsum(chunk.points) - chunk.points
    sequence = np.arange(len(customer)) - first[customer]
    group = group[customer]
    mean = use.means(rng, world.settings, group)
    known = [point for person in known_people(world, chunk) for point in person["points"]]
    group[: len(known)] = [group_like(world, point) for point in known]
    mean[: len(known)] = [point["kwh"] for point in known]
    by_time = np.isin(of_group(world, group, "category"), ["production", "business"])
    three_rate = by_time & (mean >= world.settings["time_of_use_from_kwh"])
    reactive = three_rate & (mean >= world.settings["reactive_from_kwh"])
    reactive[: len(known)] |= np.array([point.get("reactive", False) for point in known], bool)
    since, joined, fate, day = _fates(world, rng, len(customer), len(known), three_rate | reactive)
    return Points(
        customer, sequence, np.arange(len(customer)) + chunk.first_point, group, mean,
        three_rate, reactive, since, joined, fate, day,
    )  # fmt: skip


def _fates(
    world: World, rng: np.random.Generator, count: int, known: int, complex_meter: Bools
) -> tuple[Ints, Ints, npt.NDArray[np.str_], Ints]:
    """Draw since when a point is supplied and what goes wrong with it in the last period."""
    odd = world.settings["oddities"]
    names = np.array(["", *odd])
    chances = np.array([1 - sum(odd.values()), *odd.values()])
    fate = names[rng.choice(len(names), count, p=chances)]
    fate[:known] = ""
    fate[complex_meter & np.isin(fate, ["replaced", "backwards", "moved_in"])] = ""
    last, end = (day_number(day) for day in world.boundaries[-2:])
    day = rng.integers(last + 4, end - 4, count)
    oldest = day_number(_OLDEST)
    since = rng.integers(oldest, day_number(world.boundaries[0]), count)
    joined = np.zeros(count, np.int64)
    late = (rng.random(count) < world.settings["earlier"]["moved_in"]) & (fate == "")
    late[:known] = False
    joined[late] = rng.integers(1, len(world.boundaries) - 2, int(late.sum()))
    since[late] = np.array([day_number(day) for day in world.boundaries])[joined[late]]
    moved = fate == "moved_in"
    since[moved], joined[moved] = day[moved], len(world.boundaries) - 1
    return since, joined, fate, day
