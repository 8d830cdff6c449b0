"""The plan of the province: how many customers, where, in which books, under which numbers.

Cheap to compute for all of them at once, so that every chunk of the load knows its numbers without waiting
for another: the same seed and size give the same province.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

Ints = npt.NDArray[np.int64]

CHUNK_CUSTOMERS = 20_000
_HIGHLAND = frozenset({"PA13KS", "PA13TD", "PA13CC", "PA13QC", "PA13QH"})
_WARD_WEIGHT = 3.0
_BOOK_MOST = 990


@dataclass(frozen=True)
class Team:
    """An area team as the policy file has it."""

    id: int
    code: str
    name: str
    doubt: str
    share: float
    highland: bool


@dataclass(frozen=True)
class Commune:
    """A commune or ward and its team."""

    id: int
    code: str
    name: str
    team_id: int

    @property
    def is_ward(self) -> bool:
        """Tell whether it is a ward (phường)."""
        return self.name.startswith("Phường")


@dataclass(frozen=True)
class Book:
    """A reading book: whole, with its points under consecutive numbers."""

    id: int
    code: str
    team_id: int


@dataclass(frozen=True)
class Chunk:
    """Consecutive customers of the province, with their numbers. Arrays have one row a customer."""

    number: int
    seed: int
    first_customer: int
    first_point: int
    team: Ints
    commune: Ints
    book: Ints
    serial: Ints
    points: Ints


@dataclass(frozen=True)
class Plan:
    """The whole province before its people."""

    settings: dict[str, Any]
    teams: list[Team]
    communes: list[Commune]
    books: list[Book]
    chunks: list[Chunk]
    customers: int
    points: int


def read_settings(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the area teams and the demonstration's settings of a distributor's policies."""
    network = folder / "network"
    teams, demo = (
        yaml.safe_load((network / name).read_text("utf-8"))
        for name in ("area-teams.yaml", "demonstration.yaml")
    )
    return teams, demo


def make_plan(*, folder: Path, customers: int, seed: int) -> Plan:
    """Lay the province out for this many customers (100 at least)."""
    network, demo = read_settings(folder)
    teams, communes = _places(network)
    rng = np.random.default_rng([seed, 0])
    per_team = _portions(np.array([team.share for team in teams]), customers)
    points = 1 + (rng.random(customers) < demo["second_point"]).astype(np.int64)
    points[: len(demo["people"])] = [len(person["points"]) for person in demo["people"]]
    team = np.repeat(np.arange(len(teams)), per_team)
    serial = np.concatenate([np.arange(1, count + 1) for count in per_team])
    commune = np.concatenate(
        [_spread(communes, row.id, count) for row, count in zip(teams, per_team, strict=True)]
    )
    books, book = _books(teams, per_team, points, demo["book_points"])
    chunks = _cut(seed, team, commune, book, serial, points)
    return Plan(demo, teams, communes, books, chunks, customers, int(points.sum()))


def _places(network: dict[str, Any]) -> tuple[list[Team], list[Commune]]:
    teams: list[Team] = []
    communes: list[Commune] = []
    for number, row in enumerate(network["teams"], start=1):
        name = f"Đội Quản lý Điện lực khu vực {row['name']}"
        teams.append(
            Team(number, row["code"], name, row.get("doubt", ""), row["share"], row["code"] in _HIGHLAND)
        )
        for code, commune in row["communes"].items():
            communes.append(Commune(len(communes) + 1, code, commune, number))
    return teams, communes


def _portions(weights: npt.NDArray[np.float64], total: int) -> Ints:
    """Split a whole number by weights, largest remainders first."""
    exact = weights / weights.sum() * total
    parts: Ints = np.floor(exact).astype(np.int64)
    parts[np.argsort(parts - exact, kind="stable")[: total - int(parts.sum())]] += 1
    return parts


def _spread(communes: list[Commune], team_id: int, count: int) -> Ints:
    """Return the commune number of each of a team's customers, commune by commune."""
    mine = [commune for commune in communes if commune.team_id == team_id]
    weights = np.array([_WARD_WEIGHT if commune.is_ward else 1.0 for commune in mine])
    numbers: Ints = np.repeat([commune.id for commune in mine], _portions(weights, count))
    return numbers


def _books(teams: list[Team], per_team: Ints, points: Ints, size: int) -> tuple[list[Book], Ints]:
    """Cut each team's customers into books of about `size` points; return the books and each customer's."""
    books: list[Book] = []
    numbers = []
    first = 0
    for team, count in zip(teams, per_team, strict=True):
        mine = points[first : first + count]
        total = max(1, int(mine.sum()))
        wanted = max(1, round(total / size), math.ceil(total / _BOOK_MOST))
        index = np.minimum((np.cumsum(mine) - 1) * wanted // total, wanted - 1)
        numbers.append(index + len(books) + 1)
        books += [Book(len(books) + i + 1, f"{team.code[4:]}{i + 1:05d}", team.id) for i in range(wanted)]
        first += count
    return books, np.concatenate(numbers)


def _cut(seed: int, team: Ints, commune: Ints, book: Ints, serial: Ints, points: Ints) -> list[Chunk]:
    first_points = np.concatenate([[1], 1 + np.cumsum(points)[:-1]])
    return [
        Chunk(
            number, seed, start + 1, int(first_points[start]), team[rows], commune[rows], book[rows],
            serial[rows], points[rows],
        )
        for number, start in enumerate(range(0, len(team), CHUNK_CUSTOMERS))
        for rows in [slice(start, start + CHUNK_CUSTOMERS)]
    ]  # fmt: skip
