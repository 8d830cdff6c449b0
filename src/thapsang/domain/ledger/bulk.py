"""Columns into the ledger: a million accounts, a book's entries in one COPY."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa

from thapsang.kit.bulk.copy import Link, copy_rows, execute, fetch


def open_accounts(link: Link, codes: pa.Table) -> pa.Table:
    """Open many accounts at once: `codes` has `chart`, `code`; return `id`, `chart`, `code` in that order.

    Codes must be new (a taken one raises the driver's IntegrityError and nothing is written): accounts of
    customers are opened once, with the customer. Runs in the caller's ADBC transaction.
    """
    count = codes.num_rows
    if count == 0:
        return pa.table({"id": pa.array([], pa.int64()), "chart": codes["chart"], "code": codes["code"]})
    execute(link, "LOCK TABLE ledger_account IN SHARE ROW EXCLUSIVE MODE")
    sql = "SELECT nextval(pg_get_serial_sequence('ledger_account', 'id'))::bigint AS id"
    first = fetch(link, sql)["id"][0].as_py()
    execute(link, f"SELECT setval(pg_get_serial_sequence('ledger_account', 'id'), {first + count - 1})")
    rows = pa.table(
        {
            "id": pa.array(range(first, first + count), pa.int64()),
            "chart": codes["chart"],
            "code": codes["code"],
        }
    )
    copy_rows(link, "ledger_account", rows)
    return rows


def chart_account(link: Link, *, chart: str) -> int:
    """Return the id of a chart number's general account (its code is the number); open it if new."""
    if not chart.isdigit():
        raise ValueError(f"{chart!r} is no number of the chart of accounts: digits only.")
    found = fetch(link, f"SELECT id FROM ledger_account WHERE code = '{chart}'")  # noqa: S608 - digits only
    if found.num_rows == 0:
        values = f"('{chart}', '{chart}') ON CONFLICT DO NOTHING"
        execute(link, f"INSERT INTO ledger_account (chart, code) VALUES {values}")  # noqa: S608 - digits only
        found = fetch(link, f"SELECT id FROM ledger_account WHERE code = '{chart}'")  # noqa: S608
    return int(found["id"][0].as_py())


def open_journals(
    link: Link, *, kind: str, references: list[str], business_date: date, at: datetime
) -> list[int]:
    """Insert journals and return their ids in the order of `references`; a taken reference raises."""
    made = fetch(
        link,
        "INSERT INTO ledger_journal (kind, reference, business_date, posted_at, created_in) "  # noqa: S608 - quoted
        f"SELECT {_quoted(kind)}, r, '{business_date:%Y-%m-%d}', '{at.isoformat()}', '' "
        f"FROM unnest(ARRAY[{','.join(map(_quoted, references))}]) AS r RETURNING id, reference",
    )
    ids = dict(zip(made["reference"].to_pylist(), made["id"].to_pylist(), strict=True))
    return [int(ids[reference]) for reference in references]


def post_columns(link: Link, entries: pa.Table) -> int:
    """COPY entries (`journal_id`, `account_id`, `amount`, `document`, all int64) and return how many.

    The journals must come from `open_journals` in the same transaction; the database checks that, that the
    accounts exist, and at commit that each journal sums to zero.
    """
    return copy_rows(link, "ledger_entry", entries)


def posted_documents(link: Link, *, kind: str, prefix: str) -> pa.Table:
    """Return `document`, `account_id`, `amount`, `entries`, summed over journals of a kind and prefix."""
    return fetch(
        link,
        "SELECT e.document, e.account_id, sum(e.amount)::bigint AS amount, count(*) AS entries "  # noqa: S608 - quoted
        f"FROM ledger_entry e JOIN ledger_journal j ON j.id = e.journal_id WHERE j.kind = {_quoted(kind)} "
        f"AND starts_with(j.reference, {_quoted(prefix)}) AND e.document IS NOT NULL GROUP BY 1, 2",
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
