"""Put the province into the database: one transaction, all or nothing.

Chunks are made in processes of their own while the main one copies; keys and foreign keys are built once
at the end over all rows, which also checks every row. Killed at any moment it leaves nothing behind, and can
be started again.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import django
import pyarrow as pa
from django.conf import settings

from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.metering import bulk as metering
from thapsang.journeys.load_demo.plan import Plan, make_plan, read_settings
from thapsang.journeys.load_demo.tables import build
from thapsang.journeys.load_demo.world import World
from thapsang.kit.bulk import bare
from thapsang.kit.bulk.copy import bulk_connection, copy_rows, execute, fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

    from thapsang.journeys.load_demo.world import Tables

Progress = Callable[[str, int, int], None]
"""Told the stage (people, readings checked, constraints, statistics), how much is done, how much there is."""

MOST_CUSTOMERS = 1_200_000
_EVENT = "demonstration-province"
_TABLES = (
    "ledger_account",
    "customers_customer",
    "customers_premises",
    "customers_supplypoint",
    "customers_supplyagreement",
    "customers_agreementterm",
    "customers_contactpoint",
    "metering_meter",
    "metering_installation",
    "metering_register",
)
_APART = ("customers_supplyagreement", "metering_installation")
"""Tables whose triggers keep rows of one point apart."""
_WIPED = r"^(network|ledger|customers|metering|billing|payments|invoices)_"
_DEPENDENTS = """
WITH RECURSIVE emptied(id) AS (
    SELECT unnest(ARRAY[{tables}]::regclass[])
    UNION
    SELECT k.conrelid::regclass FROM emptied e JOIN pg_constraint k ON k.confrelid = e.id AND k.contype = 'f'
)
SELECT id::text AS name FROM emptied ORDER BY 1
"""
"""What TRUNCATE … CASCADE empties with some tables."""
_AHEAD = 3
"""Chunks kept ready before they are copied: bounds the memory."""


class DemoError(RuntimeError):
    """The province cannot be loaded here; the message says why and what to do."""


@dataclass(frozen=True)
class Loaded:
    """What is in the database. `already` tells that an earlier load put it there."""

    customers: int
    points: int
    readings: int
    seed: int
    first_reading: date
    last_reading: date
    already: bool = False


def load(
    *,
    customers: int,
    at: datetime,
    seed: int = 40,
    fresh: bool = False,
    processes: int | None = None,
    progress: Progress = lambda *_: None,
) -> Loaded:
    """Load the demonstration province with this many customers and its readings up to this month's first day.

    The same seed, size and month give the same province. A province of the same size that is already there
    is left alone; `fresh` wipes one first, with everything billed and paid in it.
    Raises DemoError: size out of range, another province or real customers in the database, production.
    """
    if not 100 <= customers <= MOST_CUSTOMERS:
        raise DemoError(f"--customers must be from 100 to {MOST_CUSTOMERS:,}, not {customers:,}.")
    if settings.PRODUCTION:
        raise DemoError("THAPSANG_ENV is production: the demonstration province is never loaded there.")
    folder = settings.POLICIES / settings.DISTRIBUTOR
    plan = make_plan(folder=folder, customers=customers, seed=seed)
    world = World(plan.settings, plan.teams, plan.communes, boundaries(at.date(), plan.settings), at)
    with bulk_connection() as link:
        execute(link, "SELECT pg_advisory_xact_lock(hashtext('demonstration-province'))")
        there = present(link)
        if there and not fresh:
            return _keep(there, customers, seed)
        _make_room(link, there)
        loaded = _fill(link, plan, world, seed, processes, progress)
        link.commit()
    return loaded


def boundaries(today: date, demo: dict[str, Any]) -> list[date]:
    """Return the reading dates: the firsts of the months of history and of this month."""
    last = today.year * 12 + today.month - 1
    months = range(last - demo["history_months"], last + 1)
    return [date(month // 12, month % 12 + 1, 1) for month in months]


def present(link: Connection) -> Loaded | None:
    """Return the province that is loaded, or None."""
    found = fetch(link, f"SELECT body::text AS body FROM events_event WHERE key = '{_EVENT}'")  # noqa: S608
    if found.num_rows == 0:
        return None
    body = json.loads(found["body"][0].as_py())
    first, last = (date.fromisoformat(body.pop(name)) for name in ("first_reading", "last_reading"))
    return Loaded(**body, first_reading=first, last_reading=last, already=True)


def logins() -> list[dict[str, Any]]:
    """Return the known customers of the province: key, about, name, customer code, phone."""
    network, demo = read_settings(settings.POLICIES / settings.DISTRIBUTOR)
    unit = network["teams"][0]["code"]
    return [
        {
            "key": person["key"],
            "about": person["about"],
            "name": person["name"],
            "customer_code": f"{unit}{serial:07d}",
            "phone": person["phone"],
        }
        for serial, person in enumerate(demo["people"], start=1)
    ]


def _keep(there: Loaded, customers: int, seed: int) -> Loaded:
    if (there.customers, there.seed) != (customers, seed):
        raise DemoError(
            f"A province of {there.customers:,} customers (seed {there.seed}) is loaded already. "
            "Use it, or add --fresh to wipe it, with its bills and payments, and load another."
        )
    return there


def _make_room(link: Connection, there: Loaded | None) -> None:
    """Empty the tables of an earlier province; refuse when they hold anything that is not ours."""
    held = fetch(
        link,
        "SELECT (SELECT count(*) FROM customers_customer) + (SELECT count(*) FROM network_areateam) n",
    )
    if there is None and held["n"][0].as_py():
        raise DemoError(
            "The database holds customers or area teams that are not the demonstration's: nothing was "
            "changed. Point DATABASE_URL (or THAPSANG_DB_KEY) at an empty database."
        )
    if there is None:
        return
    names = ", ".join(f"'{name}'" for name in bare.tables_like(link, _WIPED))
    tables = fetch(link, _DEPENDENTS.format(tables=names))["name"].to_pylist()
    with bare.without_triggers(link, tables):
        execute(link, f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")
    execute(link, f"DELETE FROM events_event WHERE key = '{_EVENT}'")  # noqa: S608


def _fill(
    link: Connection, plan: Plan, world: World, seed: int, processes: int | None, progress: Progress
) -> Loaded:
    # A table with checks still waiting for the commit cannot have its constraints changed.
    execute(link, "SET CONSTRAINTS ALL IMMEDIATE")
    metering.ensure_months(link, world.boundaries[0], world.boundaries[-1])
    months = [f"metering_reading_{day:%Y%m}" for day in world.boundaries]
    _network(link, plan)
    for chart in ("112", "511", "33311"):
        ledger.chart_account(link, chart=chart)
    stripped = bare.strip(link, _TABLES)
    readings = done = 0
    progress("people", done, plan.customers)
    with bare.without_triggers(link, [*_APART, *months, "metering_reading"]):
        for tables in _chunks(plan, world, processes):
            readings += _copy(link, tables)
            done += tables["customers_customer"].num_rows
            progress("people", done, plan.customers)
        progress("readings checked", 0, len(months))
        _check_readings(link, months)
        _check_apart(link)
        progress("readings checked", len(months), len(months))
    _mend(link, stripped, progress)
    loaded = Loaded(plan.customers, plan.points, readings, seed, world.boundaries[0], world.boundaries[-1])
    _finish(link, loaded, world.at, months, progress)
    return loaded


def _network(link: Connection, plan: Plan) -> None:
    teams = [{"id": t.id, "code": t.code, "name": t.name, "doubt": t.doubt} for t in plan.teams]
    communes = [
        {
            "id": c.id, "code": c.code, "name": c.name, "kind": "phuong" if c.is_ward else "xa",
            "area_team_id": c.team_id,
        }
        for c in plan.communes
    ]  # fmt: skip
    books = [{"id": b.id, "code": b.code, "area_team_id": b.team_id} for b in plan.books]
    copy_rows(link, "network_areateam", pa.Table.from_pylist(teams))
    rows = ", ".join(
        f"({r['id']}, '{r['code']}', '{r['name']}', '{r['kind']}', {r['area_team_id']}, '{{}}')"
        for r in communes
    )
    execute(
        link,
        f"INSERT INTO network_commune (id, code, name, kind, area_team_id, former_names) VALUES {rows}",  # noqa: S608
    )
    days = pa.array([1] * len(books), pa.int16())
    copy_rows(link, "network_readingbook", pa.Table.from_pylist(books).append_column("reading_day", days))


def _chunks(plan: Plan, world: World, processes: int | None) -> Iterator[Tables]:
    """Give the rows of each chunk in order; several chunks are made by processes of their own."""
    if processes is None:
        processes = min(2, os.cpu_count() or 1) if len(plan.chunks) > 2 else 0
    if not processes:
        yield from (build(world, chunk) for chunk in plan.chunks)
        return
    context = multiprocessing.get_context("spawn")
    waiting = iter(plan.chunks)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=django.setup) as pool:
        ready: deque[Future[Tables]] = deque(
            pool.submit(build, world, chunk) for chunk in islice(waiting, _AHEAD)
        )
        while ready:
            tables = ready.popleft().result()
            ready.extend(pool.submit(build, world, chunk) for chunk in islice(waiting, 1))
            yield tables


def _copy(link: Connection, tables: Tables) -> int:
    """Copy a chunk; return how many readings it had."""
    customers = tables["customers_customer"]
    codes = [f"131:{code}" for code in customers["code"].to_pylist()]
    accounts = ledger.open_accounts(
        link, pa.table({"chart": pa.array(["131"] * len(codes)), "code": pa.array(codes)})
    )
    tables["customers_customer"] = customers.append_column("account_id", accounts["id"])
    readings = 0
    for name, rows in tables.items():
        copy_rows(link, name, rows)
        readings += rows.num_rows if name.startswith("metering_reading") else 0
    return readings


def _check_readings(link: Connection, months: list[str]) -> None:
    """Check what the readings' triggers would have checked, over whole months at once."""
    for month in months:
        wrong = fetch(
            link,
            f"SELECT count(*) AS n FROM {month} m LEFT JOIN metering_register r ON r.id = m.register_id "  # noqa: S608
            "WHERE r.id IS NULL OR m.value >= power(10, r.digits)",
        )
        if wrong["n"][0].as_py():
            raise DemoError(
                f"{month}: {wrong['n'][0].as_py()} readings do not fit a register: a fault of ours."
            )


def _check_apart(link: Connection) -> None:
    """Check what the triggers on agreements and meters would have checked: no two at one time."""
    for table in _APART:
        wrong = fetch(
            link,
            "SELECT count(*) AS n FROM (SELECT start, lag(coalesce(\"end\", 'infinity')) OVER "  # noqa: S608
            f"(PARTITION BY supply_point_id ORDER BY start) AS before FROM {table}) t WHERE before > start",
        )
        if wrong["n"][0].as_py():
            raise DemoError(f"{table}: {wrong['n'][0].as_py()} rows overlap: a fault of ours.")


def _mend(link: Connection, stripped: list[bare.Part], progress: Progress) -> None:
    for done, part in enumerate(stripped):
        progress(f"constraints: {part.name}", done, len(stripped))
        execute(link, part.create)
    progress("constraints", len(stripped), len(stripped))


def _finish(link: Connection, loaded: Loaded, at: datetime, months: list[str], progress: Progress) -> None:
    """Set the sequences behind the rows, gather statistics, write down that the province is there."""
    tables = [*_TABLES, "network_areateam", "network_commune", "network_readingbook"]
    for table in tables:
        execute(
            link,
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))",  # noqa: S608
        )
    for done, table in enumerate([*tables, *months]):
        progress("statistics", done, len(tables) + len(months))
        execute(link, f"ANALYZE {table}")
    progress("statistics", 1, 1)
    body = {
        "customers": loaded.customers,
        "points": loaded.points,
        "readings": loaded.readings,
        "seed": loaded.seed,
        "first_reading": loaded.first_reading.isoformat(),
        "last_reading": loaded.last_reading.isoformat(),
    }
    execute(
        link,
        "INSERT INTO events_event (name, key, body, happened_at, handled_at, attempts, problem) "  # noqa: S608
        f"VALUES ('{_EVENT}-loaded', '{_EVENT}', '{json.dumps(body)}', '{at}', '{at}', 0, '')",
    )
