"""The rows of one chunk of the province, as Arrow tables named after their database tables.

Numbers are derived from each other (premises, agreement = supply point; meter, installation = 2 × point;
register = 8 × installation + kind), so that chunks are made side by side without asking the database.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from thapsang.journeys.load_demo import people
from thapsang.journeys.load_demo.meters import meter_tables
from thapsang.journeys.load_demo.plan import Chunk
from thapsang.journeys.load_demo.world import (
    Bools,
    Ints,
    Points,
    Tables,
    World,
    dates_column,
    day_number,
    draw_points,
    group_like,
    known_people,
    of_group,
)
from thapsang.kit.privacy import cipher

_PERSONS = ("person", "landlord")
_SHOPS_OF_PERSONS = 0.6


def build(world: World, chunk: Chunk) -> Tables:
    """Return all rows of a chunk: table name → rows; `ledger_account` is to be opened first."""
    rng = np.random.default_rng([chunk.seed, 1, chunk.number])
    customers, group = _customers(world, chunk, rng)
    points = draw_points(world, chunk, group, rng)
    tables = customers | _contacts(world, chunk, rng, customers)
    tables |= _places(world, chunk, points, customers["customers_customer"]["code"], rng)
    tables |= _terms(world, points, rng)
    return tables | meter_tables(world, points, rng)


def _customers(world: World, chunk: Chunk, rng: np.random.Generator) -> tuple[Tables, Ints]:
    count = len(chunk.team)
    shares = np.array([row["share"] for row in world.settings["groups"]])
    group = rng.choice(len(shares), count, p=shares / shares.sum())
    for row, known in enumerate(known_people(world, chunk)):
        group[row] = group_like(world, known["points"][0])
    who = of_group(world, group, "who")
    person = np.isin(who, _PERSONS) | ((who == "shop") & (rng.random(count) < _SHOPS_OF_PERSONS))
    women = rng.random(count) < 0.46
    names = _names(world, chunk, rng, np.where(person, "person", who), women)
    numbers = people.id_numbers(rng, women).to_pylist()
    carries = person & (rng.random(count) < 0.96)
    for row, known in enumerate(known_people(world, chunk)):
        person[row], carries[row], names[row] = known["kind"] == "person", False, known["name"]
    plain = [number if has else None for number, has in zip(numbers, carries.tolist(), strict=True)]
    prefix = pa.array([team.code for team in world.teams]).take(pa.array(chunk.team))
    codes = pc.binary_join_element_wise(prefix, people.digits(chunk.serial, 7), "")
    rows = {
        "id": pa.array(np.arange(count) + chunk.first_customer),
        "code": codes,
        "kind": pc.if_else(pa.array(person), "person", "organisation"),
        "name": pa.array(names),
        "id_number_cipher": pa.array(cipher.encrypt_many(plain, purpose="id-number"), pa.binary()),
        "id_number_index": pa.array(cipher.blind_index_many(plain, purpose="id-number"), pa.binary()),
        "tax_code": pc.if_else(pa.array(person), "", people.tax_codes(rng, count)),
        "created_at": pa.array([world.at] * count, pa.timestamp("us", "UTC")),
    }
    return {"customers_customer": pa.table(rows)}, group


def _names(
    world: World, chunk: Chunk, rng: np.random.Generator, sort: npt.NDArray[Any], women: Bools
) -> list[str]:
    names = people.person_names(rng, women)
    communes = pa.array([row.name.partition(" ")[2] for row in world.communes]).take(
        pa.array(chunk.commune - 1)
    )
    for who in sorted(set(sort.tolist()) - {"person"}):
        mask = pa.array(sort == who)
        chosen = people.organisation_names(rng, who, communes.filter(mask))
        names = pc.replace_with_mask(names, mask, chosen)
    return list(names.to_pylist())


def _contacts(world: World, chunk: Chunk, rng: np.random.Generator, customers: Tables) -> Tables:
    rows = customers["customers_customer"]
    count = rows.num_rows
    phones = people.phones(rng, count).to_pylist()
    has = rng.random(count) < 0.93
    verified = rng.random(count) < 0.7
    for row, known in enumerate(known_people(world, chunk)):
        phones[row], has[row], verified[row] = "+84" + known["phone"][1:], True, True
    kept = np.nonzero(has)[0]
    plain = [phones[row] for row in kept.tolist()]
    ids = rows["id"].combine_chunks().take(pa.array(kept))
    day = np.datetime64(world.boundaries[-1], "us") - rng.integers(1, 900, len(kept)).astype("timedelta64[D]")
    table = {
        "id": ids,
        "customer_id": ids,
        "kind": pa.array(["phone"] * len(kept)),
        "value_cipher": pa.array(cipher.encrypt_many(plain, purpose="phone"), pa.binary()),
        "value_index": pa.array(cipher.blind_index_many(plain, purpose="phone"), pa.binary()),
        "verified_at": pa.array(day, mask=~verified[kept]).cast(pa.timestamp("us", "UTC")),
        "is_primary": pa.array(np.ones(len(kept), bool)),
    }
    return {"customers_contactpoint": pa.table(table)}


def _places(world: World, chunk: Chunk, points: Points, codes: Any, rng: np.random.Generator) -> Tables:
    """Premises and supply points; a customer's second point has the same address."""
    wards = np.array([row.is_ward for row in world.communes])[chunk.commune - 1]
    highland = np.array([row.highland for row in world.teams])[chunk.team]
    addresses = people.addresses(rng, wards, highland).to_pylist()
    for row, known in enumerate(known_people(world, chunk)):
        addresses[row] = known["address"]
    rows = pa.array(points.customer)
    ids = pa.array(points.id)
    premises = {
        "id": ids,
        "address": pa.array(addresses).take(rows),
        "commune_id": pa.array(chunk.commune[points.customer]),
    }
    point_codes = pc.binary_join_element_wise(
        codes.combine_chunks().take(rows), people.digits(points.sequence + 1, 3), ""
    )
    supply = {
        "id": ids,
        "code": point_codes,
        "premises_id": ids,
        "book_id": pa.array(chunk.book[points.customer]),
        "status": pa.array(["active"] * len(ids)),
    }
    agreement = {
        "id": ids,
        "number": pc.binary_join_element_wise("HĐ", point_codes, "-"),
        "customer_id": pa.array(points.customer + chunk.first_customer),
        "supply_point_id": ids,
        "start": dates_column(points.since),
    }
    return {
        "customers_premises": pa.table(premises),
        "customers_supplypoint": pa.table(supply),
        "customers_supplyagreement": pa.table(agreement),
    }


def _terms(world: World, points: Points, rng: np.random.Generator) -> Tables:
    """First terms of every agreement, and the few that changed since."""
    count = len(points.id)
    quarters = _quarters(world, points, rng)
    first = _term_rows(world, points, np.arange(count), points.since, quarters, "")
    changed = (points.fate == "terms_changed") | (
        rng.random(count) < world.settings["earlier"]["terms_changed"]
    )
    changed &= (of_group(world, points.group, "category") == "residential") & (points.joined == 0)
    rows = np.nonzero(changed)[0]
    earlier = np.array([day_number(day) for day in world.boundaries[1:-2]])[
        rng.integers(0, len(world.boundaries) - 3, len(rows))
    ]
    days = np.where(points.fate[rows] == "terms_changed", points.day[rows], earlier)
    later = _term_rows(world, points, rows, days, quarters[rows] + 4, "thêm hộ dùng chung công tơ")
    return {"customers_agreementterm": pa.concat_tables([first, later])}


def _quarters(world: World, points: Points, rng: np.random.Generator) -> Ints:
    shared = world.settings["shared_meters"]
    drawn = rng.choice([4, *shared], len(points.id), p=[1 - sum(shared.values()), *shared.values()])
    residential = of_group(world, points.group, "category") == "residential"
    residential[:8] = False
    return np.where(residential, drawn, 4)


def _term_rows(
    world: World, points: Points, rows: Ints, start: Ints, quarters: Ints, reason: str
) -> pa.Table:
    group = points.group[rows]
    return pa.table(
        {
            "id": pa.array(points.id[rows] * 2 + (1 if reason else 0)),
            "agreement_id": pa.array(points.id[rows]),
            "start": dates_column(start),
            "category": pa.array(of_group(world, group, "category")),
            "household_quarters": pa.array(quarters.astype(np.int32)),
            "voltage": pa.array(of_group(world, group, "voltage")),
            "time_of_use": pa.array(points.three_rate[rows]),
            "reactive_charged": pa.array(points.reactive[rows]),
            "reason": pa.array([reason] * len(rows), pa.string()),
        }
    )
