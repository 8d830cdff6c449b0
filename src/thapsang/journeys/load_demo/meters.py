"""Meters, installations, registers and readings of a chunk's points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from thapsang.journeys.load_demo import consumption as use
from thapsang.journeys.load_demo import people
from thapsang.journeys.load_demo.world import Ints, Points, Tables, World, dates_column, day_number, of_group


def meter_tables(world: World, points: Points, rng: np.random.Generator) -> Tables:
    """Return the rows of the five metering tables; readings by month, `metering_reading_YYYYMM`."""
    household = of_group(world, points.group, "season") == "household"
    large = points.three_rate | points.reactive | (points.mean >= world.settings["time_of_use_from_kwh"])
    ratio = use.multipliers(points.mean, large & ~household)
    dials = use.registers(rng, world.settings, points.three_rate, points.reactive, household)
    kwh = use.monthly_use(rng, world.settings, points.group, points.mean, world.months)
    increments = _increments(points, dials, kwh, ratio)
    values = use.dial_values(rng, dials, increments)
    swapped = np.nonzero(points.fate == "replaced")[0]
    return (
        _meters(points, swapped, rng)
        | _installations(points, swapped, ratio)
        | _registers(points, dials, swapped)
        | _readings(world, points, dials, values)
        | _odd_readings(world, points, dials, values, increments)
    )


def _increments(points: Points, dials: use.Registers, kwh: npt.NDArray[np.float64], ratio: Ints) -> Ints:
    """Turn kWh into steps of each dial, with the last month's fates."""
    steps = np.rint(kwh[dials.point] / ratio[dials.point, None] * dials.share[:, None]).astype(np.int64)
    fate = points.fate[dials.point]
    steps[fate == "spike", -1] *= 8
    steps[fate == "zero", -1] = 0
    return steps


def _meters(points: Points, swapped: Ints, rng: np.random.Generator) -> Tables:
    ids = np.concatenate([points.id * 2, points.id[swapped] * 2 + 1])
    three = np.concatenate([points.three_rate, points.three_rate[swapped]])
    years = rng.integers(14, 26, len(ids))
    return {
        "metering_meter": pa.table(
            {
                "id": pa.array(ids),
                "serial": pc.binary_join_element_wise(people.digits(years, 2), people.digits(ids, 8), ""),
                "kind": pc.if_else(pa.array(three), "three-rate", "single"),
                "remote": pa.array(rng.random(len(ids)) < 0.86),
            }
        )
    }


def _installations(points: Points, swapped: Ints, ratio: Ints) -> Tables:
    """One installation a point; a replaced meter's ends on the day the new one begins."""
    rows = np.concatenate([np.arange(len(points.id)), swapped])
    new = np.arange(len(rows)) >= len(points.id)
    ids = points.id[rows] * 2 + new
    start = np.where(new, points.day[rows], points.since[rows])
    ends = ~new & (points.fate[rows] == "replaced")
    end = pc.if_else(pa.array(ends), dates_column(points.day[rows]), pa.scalar(None, pa.date32()))
    return {
        "metering_installation": pa.table(
            {
                "id": pa.array(ids),
                "meter_id": pa.array(ids),
                "supply_point_id": pa.array(points.id[rows]),
                "start": dates_column(start),
                "end": end,
                "multiplier": pa.array(ratio[rows].astype(np.int32)),
            }
        )
    }


def _register_ids(points: Points, dials: use.Registers) -> Ints:
    return points.id[dials.point] * 16 + dials.kind


def _registers(points: Points, dials: use.Registers, swapped: Ints) -> Tables:
    old = np.nonzero(np.isin(dials.point, swapped))[0]
    rows = np.concatenate([np.arange(len(dials.point)), old])
    new = np.arange(len(rows)) >= len(dials.point)
    return {
        "metering_register": pa.table(
            {
                "id": pa.array(_register_ids(points, dials)[rows] + 8 * new),
                "installation_id": pa.array(points.id[dials.point[rows]] * 2 + new),
                "kind": pa.array(use.KINDS).take(pa.array(dials.kind[rows])),
                "digits": pa.array(dials.digits[rows].astype(np.int16)),
            }
        )
    }


def _readings(world: World, points: Points, dials: use.Registers, values: Ints) -> Tables:
    """The readings on the firsts of the months, a table a month, in the order of registers."""
    ids = _register_ids(points, dials)
    fate = points.fate[dials.point]
    last = len(world.boundaries) - 1
    tables = {}
    for place, day in enumerate(world.boundaries):
        there = points.joined[dials.point] <= place
        shown = values[:, place]
        if place == last:
            there = ~np.isin(fate, ["missing", "replaced", "moved_in"])
            back = np.maximum(0, values[:, place - 1] - 3 - dials.point % 50)
            shown = np.where(fate == "backwards", back, shown)
        rows = {
            "register_id": pa.array(ids[there]),
            "read_on": dates_column(np.full(int(there.sum()), day_number(day))),
            "value": pa.array(shown[there]),
        }
        if place == last:
            rows["quality"] = pc.if_else(pa.array(fate[there] == "estimated"), "E", "A")
        tables[f"metering_reading_{day:%Y%m}"] = pa.table(rows)
    return tables


def _odd_readings(
    world: World, points: Points, dials: use.Registers, values: Ints, increments: Ints
) -> Tables:
    """Readings inside the last period: of replaced meters and of customers who moved in."""
    fate = points.fate[dials.point]
    swapped, moved = (np.nonzero(fate == name)[0] for name in ("replaced", "moved_in"))
    first_day, step = values[:, -2], increments[:, -1]
    ids, day = _register_ids(points, dials), points.day[dials.point]
    size = 10**dials.digits
    half = step // 2
    end = np.full(len(ids), day_number(world.boundaries[-1]))
    parts = [
        (swapped, 0, day, (first_day + half) % size, "closing"),
        (swapped, 8, day, 0 * half, "opening"),
        (swapped, 8, end, step - half, "import"),
        (moved, 0, day, first_day, "opening"),
        (moved, 0, end, (first_day + half) % size, "import"),
    ]
    return {
        "metering_reading": pa.concat_tables(
            pa.table(
                {
                    "register_id": pa.array(ids[rows] + offset),
                    "read_on": dates_column(days[rows]),
                    "value": pa.array(value[rows]),
                    "source": pa.array([source] * len(rows), pa.string()),
                }
            )
            for rows, offset, days, value, source in parts
        )
    }
