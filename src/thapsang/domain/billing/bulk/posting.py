"""Bills, lines and exceptions into the database, a group of books at a time.

COPY goes straight into the month's partition: PostgreSQL writes many rows at once there, and one by one
through the partitioned parent. The partition carries the same guards (docs/adr/0003).
"""

from __future__ import annotations

import json
from datetime import date, datetime

import pyarrow as pa

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.kit.bulk.copy import Link, copy_rows, execute, fetch

BILLED_ON_RERUN = "Đã lập hóa đơn khi chạy lại"


def _ids(numbers: list[int]) -> str:
    return ",".join(str(int(number)) for number in numbers) or "NULL"


def points_of_books(link: Link, *, book_ids: list[int]) -> pa.Table:
    """Return `point` and `book_id` of all supply points of books, in order of point."""
    # The one place where the bill run looks into the customers' table, for two numbers of a million points.
    sql = f"SELECT id AS point, book_id FROM customers_supplypoint WHERE book_id IN ({_ids(book_ids)})"  # noqa: S608 - integers only
    found = fetch(link, sql)
    points = found["point"].to_numpy()  # mostly in order: looking costs less than the server's sorting
    return found if bool((points[1:] > points[:-1]).all()) else found.sort_by("point")


def book_of_point(link: Link, *, point: int) -> tuple[int, int]:
    """Return the reading book of a supply point and the book's reading day."""
    row = fetch(
        link,
        "SELECT b.id, b.reading_day FROM customers_supplypoint p "  # noqa: S608 - integers only
        f"JOIN network_readingbook b ON b.id = p.book_id WHERE p.id = {int(point)}",
    ).to_pylist()[0]
    return row["id"], row["reading_day"]


def billed_points(link: Link, *, period: date, low: int, high: int) -> pa.Array:
    """Return the supply points from `low` to `high` that have their regular bill for the month."""
    start = yymm(period) * PERIOD_FACTOR
    sql = (
        f"SELECT supply_point_id AS point FROM billing_bill_{yymm(period):04d} "  # noqa: S608 - integers only
        f"WHERE id BETWEEN {start + low * 10} AND {start + high * 10} AND id % 10 = 0"
    )
    return fetch(link, sql)["point"].combine_chunks()


def insert_bills(link: Link, *, period: date, bills: pa.Table) -> int:
    """COPY bills (all columns of the table, in order of id) into the month's partition."""
    return copy_rows(link, f"billing_bill_{yymm(period):04d}", bills)


def insert_lines(link: Link, *, period: date, lines: pa.Table) -> int:
    """COPY the lines of bills inserted before in the same transaction, all lines of a bill in one call."""
    return copy_rows(link, f"billing_billline_{yymm(period):04d}", lines)


def insert_exceptions(link: Link, *, run_id: int, exceptions: pa.Table, at: datetime) -> None:
    """Queue the points that could not be billed: `point`, `code`, `detail` (JSON as text).

    A point queued before keeps its entry: the same code leaves it as it stands (resolved by staff, say),
    another code opens it again.
    """
    if exceptions.num_rows == 0:
        return
    rows = json.dumps(exceptions.select(["point", "code", "detail"]).to_pylist(), ensure_ascii=False)
    quoted = rows.replace("'", "''")
    execute(
        link,
        "INSERT INTO billing_billingexception AS e "  # noqa: S608 - quoted
        "(run_id, supply_point_id, code, detail, status, resolution, created_at) "
        f"SELECT {int(run_id)}, point, code, detail::jsonb, 'open', '', '{at.isoformat()}' "
        f"FROM jsonb_to_recordset('{quoted}') AS problem (point bigint, code text, detail text) "
        "ON CONFLICT (run_id, supply_point_id) DO UPDATE SET code = excluded.code, detail = excluded.detail, "
        "status = CASE WHEN e.code = excluded.code THEN e.status ELSE 'open' END, "
        "resolution = CASE WHEN e.code = excluded.code THEN e.resolution ELSE '' END, "
        "resolved_at = CASE WHEN e.code = excluded.code THEN e.resolved_at END",
    )


def resolve_billed(link: Link, *, run_id: int, period: date, at: datetime) -> None:
    """Close the exceptions of points that have their bill by now."""
    execute(
        link,
        f"UPDATE billing_billingexception e SET status = 'resolved', resolution = '{BILLED_ON_RERUN}', "  # noqa: S608
        f"resolved_at = '{at.isoformat()}' FROM billing_bill_{yymm(period):04d} b "
        f"WHERE e.run_id = {int(run_id)} AND e.status = 'open' "
        f"AND b.id = {yymm(period) * PERIOD_FACTOR} + e.supply_point_id * 10",
    )
