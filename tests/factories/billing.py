"""A small world to bill: books of points with agreements, meters and two readings around a month."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection

from tests.factories import metering

AT = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)
OCTOBER = dt.date(2026, 10, 1)
NOVEMBER = dt.date(2026, 11, 1)


@dataclass(frozen=True)
class World:
    """Points by book id, and the kWh each used in October."""

    points: dict[int, list[int]]
    kwh: dict[int, int]

    @property
    def all_points(self) -> list[int]:
        return [point for points in self.points.values() for point in points]


def metered_point(book: Any, kwh: int | None, *, before: int = 1000) -> int:
    """Make a point with a meter; `kwh` None leaves its closing reading out."""
    point = metering.supply_point(book)
    installation = metering.meter(point)
    metering.reading(installation, OCTOBER, before)
    if kwh is not None:
        metering.reading(installation, NOVEMBER, before + kwh)
    return int(point.pk)


def close_october(point: int, kwh: int, *, before: int = 1000) -> None:
    """Give a point the closing reading it lacked."""
    installation = metering.model("metering.Installation").objects.get(supply_point_id=point)
    metering.reading(installation, NOVEMBER, before + kwh)


def small_world(*, books: int = 2, points: int = 3) -> World:
    """Make books of points through the ORM, with 0, 57, 114 … kWh in October."""
    found: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for _ in range(books):
        book = metering.book()
        for number in range(points):
            point = metered_point(book, 57 * number)
            found.setdefault(book.pk, []).append(point)
            used[point] = 57 * number
    return World(found, used)


_BIG = """
INSERT INTO network_areateam (code, name, doubt) VALUES ('PA13BG', 'Đội lớn', '') ON CONFLICT DO NOTHING;
INSERT INTO network_commune (code, name, kind, former_names, area_team_id)
    SELECT '99999', 'Xã lớn', 'xa', '{{}}', id FROM network_areateam WHERE code = 'PA13BG'
    ON CONFLICT DO NOTHING;
INSERT INTO network_readingbook (code, area_team_id, reading_day)
    SELECT 'BG' || lpad(n::text, 6, '0'), t.id, 1 FROM generate_series(1, {books}) n, network_areateam t
    WHERE t.code = 'PA13BG';
INSERT INTO ledger_account (chart, code)
    SELECT '131', '131:PA13BG' || lpad(n::text, 7, '0') FROM generate_series(1, {points}) n;
INSERT INTO customers_customer (code, kind, name, tax_code, account_id, created_at)
    SELECT substr(code, 5), 'person', 'Nguyễn Văn A', '', id, now() FROM ledger_account
    WHERE code LIKE '131:PA13BG%';
INSERT INTO customers_premises (address, commune_id)
    SELECT 'Số ' || n, c.id FROM generate_series(1, {points}) n, network_commune c WHERE c.code = '99999';
INSERT INTO customers_supplypoint (code, premises_id, book_id, status)
    SELECT c.code || '001', p.id, b.id, 'active'
    FROM (SELECT code, row_number() OVER (ORDER BY id) AS n FROM customers_customer
          WHERE code LIKE 'PA13BG%') c
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM customers_premises
          WHERE address LIKE 'Số %') p USING (n)
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM network_readingbook WHERE code LIKE 'BG%') b
        ON b.n = (c.n - 1) * {books} / {points} + 1;
INSERT INTO customers_supplyagreement (number, customer_id, supply_point_id, start)
    SELECT 'HD-' || c.code, c.id, p.id, '2020-01-01' FROM customers_customer c
    JOIN customers_supplypoint p ON p.code = c.code || '001' WHERE c.code LIKE 'PA13BG%';
INSERT INTO customers_agreementterm
        (agreement_id, start, category, household_quarters, voltage, time_of_use, reactive_charged, reason)
    SELECT id, '2020-01-01', CASE WHEN id % 10 = 0 THEN 'business' ELSE 'residential' END, 4, 'lt6',
        false, false, ''
    FROM customers_supplyagreement WHERE number LIKE 'HD-PA13BG%';
INSERT INTO metering_meter (serial, kind, remote)
    SELECT 'BG' || id, 'single', true FROM customers_supplypoint WHERE code LIKE 'PA13BG%';
INSERT INTO metering_installation (meter_id, supply_point_id, start, multiplier)
    SELECT m.id, substr(m.serial, 3)::bigint, '2020-01-01', 1 FROM metering_meter m WHERE m.serial LIKE 'BG%';
INSERT INTO metering_register (installation_id, kind, digits)
    SELECT i.id, 'total', 6 FROM metering_installation i JOIN metering_meter m ON m.id = i.meter_id
    WHERE m.serial LIKE 'BG%';
SELECT metering_ensure_months('2026-10-01', '2026-11-01');
INSERT INTO metering_reading (register_id, read_on, value, quality, source)
    SELECT r.id, d, CASE d WHEN '2026-10-01' THEN 1000 ELSE 1000 + i.supply_point_id * 37 % 600 END,
        'A', 'import'
    FROM metering_register r JOIN metering_installation i ON i.id = r.installation_id
    JOIN metering_meter m ON m.id = i.meter_id, unnest(ARRAY['2026-10-01'::date, '2026-11-01']) d
    WHERE m.serial LIKE 'BG%' AND (d = '2026-10-01' OR i.supply_point_id % 50 <> 0)
"""


def big_world(*, books: int = 40, points: int = 8_000) -> int:
    """Make many points by SQL, one in fifty without a closing reading; return how many points."""
    with connection.cursor() as cursor:
        cursor.execute(_BIG.format(books=books, points=points))
    return points
