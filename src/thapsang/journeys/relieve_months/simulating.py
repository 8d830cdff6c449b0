"""The simulation: whom programmes would reach and what they would cost, months and variants at once; writes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from thapsang.domain.billing.bulk.issued import final_sequences
from thapsang.domain.customers.queries import matching
from thapsang.domain.network import queries as network
from thapsang.domain.reliefs import queries as reliefs
from thapsang.domain.reliefs.types import ReliefError
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.relief import ReliefBook
from thapsang.journeys.relieve_months.months import Month, Places, prepare, read_block
from thapsang.journeys.relieve_months.summing import Sums
from thapsang.kit.bulk.columns import ColumnReader
from thapsang.kit.bulk.copy import Link, url
from thapsang.kit.bulk.joining import beside

BLOCK_POINTS = 100_000
"""Points relieved at once: large enough for the engine, small enough to share between threads."""
THREADS = 2


@dataclass(frozen=True)
class Variant:
    """A book of reliefs under a name, and the programmes of it that are asked about."""

    name: str
    book: ReliefBook
    programmes: tuple[str, ...]


def variant_of(*, name: str, codes: Sequence[str] = (), texts: dict[str, str] | None = None) -> Variant:
    """Return a variant: programmes in force or reviewed by code, and programmes given as YAML {file name: text}.

    Raises UnknownProgrammeError, PolicyError naming file, key and fix, ReliefError when nothing is named.
    """
    if not codes and not texts:
        raise ReliefError("No programme is named: give its code, or a file.")
    given = dict(texts or {})
    for code in codes:
        found = reliefs.programme_named(name=code)
        if found.status != "in-force":
            file, text = reliefs.text_of(programme_id=found.id)
            given[file] = text
    prices = tariffs.current_book()
    book = reliefs.book_with(prices, given, named_drafts=True) if given else reliefs.book_in_force(prices)
    files = {f"{book.distributor}/reliefs/{name.rsplit('/', 1)[-1]}" for name in texts or {}}
    wanted = {content["code"] for file, content in book.content.items() if file in files}
    wanted |= {reliefs.programme_named(name=code).code for code in codes}
    return Variant(name, book, tuple(sorted(wanted)))


def simulate(*, variants: Sequence[Variant], months: Sequence[date]) -> list[dict[str, Any]]:
    """Return, for each variant, customers reached and đồng by category, area team, month and rule, and who is near.

    Months are first days of billed months. Amounts are what the programmes give for those months in all, whatever
    was granted before. Writes nothing. Raises PeriodError for a month never billed, ReliefError without months.
    """
    if not months or not variants:
        raise ReliefError("A simulation needs months and programmes: give both.")
    with closing(ColumnReader.connect(url())) as link:
        places = Places.read(link)
        plans = [
            [prepare(link, period=month, book=one.book, places=places) for one in variants]
            for month in sorted(set(months))
        ]
    teams = _teams(places)
    tasks = [(plan, low) for plan in plans for low in range(0, plan[0].high + 1, BLOCK_POINTS)]
    sums = _shared_out(tasks, variants, teams)
    return [_named(one.result(variant.name)) for one, variant in zip(sums, variants, strict=True)]


def _teams(places: Places) -> pl.DataFrame:
    """Return point and the name of its area team."""
    books = {book.id: book.area_team for book in network.books()}
    names = pl.Enum(sorted({*books.values()}))
    return places.rows.select("point", team=pl.col("book_id").replace_strict(books, return_dtype=names))


Task = tuple[list[Month], int]


def _shared_out(tasks: list[Task], variants: Sequence[Variant], teams: pl.DataFrame) -> list[Sums]:
    """Let threads take blocks in turn: the database answers in processes of its own, the engine leaves Python alone."""
    waiting = iter(tasks)
    address = url()
    count = max(1, min(int(os.environ.get("THAPSANG_RELIEF_THREADS", THREADS)), len(tasks)))
    with ThreadPoolExecutor(count) as pool:
        done = [pool.submit(_work, address, waiting, variants, teams) for _ in range(count)]
        parts = [one.result() for one in done]
    for more in parts[1:]:
        for mine, other in zip(parts[0], more, strict=True):
            mine.join(other)
    return parts[0]


def _work(address: str, waiting: Any, variants: Sequence[Variant], teams: pl.DataFrame) -> list[Sums]:
    sums = [Sums() for _ in variants]
    with closing(ColumnReader.connect(address)) as link:
        for plan, low in waiting:
            _block(link, plan, low, variants, teams, sums)
    return sums


def _block(
    link: Link,
    plan: list[Month],
    low: int,
    variants: Sequence[Variant],
    teams: pl.DataFrame,
    sums: list[Sums],
) -> None:
    high = low + BLOCK_POINTS - 1
    here = teams.slice(*_range(teams["point"], low, high))
    for sequence in (0, *final_sequences(link, period=plan[0].period, low=low, high=high)):
        block = read_block(link, months=plan, low=low, high=high, sequence=sequence)
        placed = beside(block.bills.select("point", "category"), here, on="point")
        for month, variant, mine in zip(plan, variants, sums, strict=True):
            relief, found = block.relieve(month, near=True)
            asked = relief.filter(pl.col("programme").is_in(list(variant.programmes)))
            missed = [one for one in found.missed if one.programme in variant.programmes]
            problems = found.problems.num_rows if found.problems else 0
            mine.add(month.period, asked, placed, missed, problems)
    link.rollback()


def _range(points: pl.Series, low: int, high: int) -> tuple[int, int]:
    """Return where points `low` to `high` begin in a column in ascending order, and how many there are."""
    begin, end = np.searchsorted(points.to_numpy(), (low, high + 1))
    return int(begin), int(end - begin)


def _named(result: dict[str, Any]) -> dict[str, Any]:
    """Put the supply points' codes beside the numbers of the few points that are shown."""
    rows = [*result["largest"], *(row for one in result["missed"] for row in one["nearest"])]
    codes = matching.supply_point_codes(ids=sorted({row["point"] for row in rows}))
    for row in rows:
        row["point_code"] = codes.get(row["point"], "")
    return result
