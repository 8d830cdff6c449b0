"""Workers single a unit at fault out, whatever the units are."""

from __future__ import annotations

import psycopg
import pytest

from thapsang.kit.bulk.claiming import Links, Queue, open_links, work_through
from thapsang.kit.bulk.columns import ColumnReader
from thapsang.kit.bulk.copy import url

_CLAIM = "SELECT id FROM probe WHERE status = 'waiting' ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED"


def _queue(links: Links[ColumnReader], fault: int, error: Exception, groups: list[list[int]]) -> Queue[int]:
    def do(claimed: list[int]) -> None:
        groups.append(claimed)
        links.write.execute("UPDATE probe SET status = 'done' WHERE id = ANY(%s)", [claimed])
        if fault in claimed:
            raise error
        links.commit()

    def fail(unit: int, problem: str) -> None:
        links.write.execute("UPDATE probe SET status = 'failed', problem = %s WHERE id = %s", [problem, unit])

    return Queue(
        claim=lambda limit: [row[0] for row in links.write.execute(_CLAIM, [limit or 4])],
        do=do, fail=fail,
        left=lambda: bool(links.write.execute("SELECT FROM probe WHERE status = 'waiting'").fetchone()),
    )  # fmt: skip


@pytest.fixture
def probe(transactional_db: None):
    with psycopg.connect(url(), autocommit=True) as link:
        link.execute("CREATE TABLE probe (id int, status text DEFAULT 'waiting', problem text)")
        link.execute("INSERT INTO probe SELECT generate_series(1, 6)")
        yield link
        link.execute("DROP TABLE probe")


def test_the_unit_at_fault_fails_alone_and_the_others_are_done(probe: psycopg.Connection) -> None:
    groups: list[list[int]] = []
    with open_links(url(), ColumnReader.connect) as links:
        work_through(_queue(links, 3, ValueError("no price"), groups), links)
    rows = probe.execute("SELECT id, status, problem FROM probe ORDER BY id").fetchall()
    assert [row for row in rows if row[1] != "done"] == [(3, "failed", "ValueError: no price")]
    assert groups == [[1, 2, 3, 4], [1], [2], [3], [4], [5, 6]]


def test_a_lost_server_ends_the_worker_and_marks_nothing(probe: psycopg.Connection) -> None:
    with pytest.raises(psycopg.OperationalError), open_links(url(), ColumnReader.connect) as links:
        work_through(_queue(links, 3, psycopg.OperationalError("gone"), []), links)
    assert probe.execute("SELECT count(*) FROM probe WHERE status = 'waiting'").fetchone() == (6,)


def test_an_orphan_stops_between_groups(probe: psycopg.Connection) -> None:
    groups: list[list[int]] = []
    with open_links(url(), ColumnReader.connect) as links:
        work_through(_queue(links, 0, ValueError(), groups), links, orphaned=lambda: len(groups) == 1)
    assert probe.execute("SELECT count(*) FROM probe WHERE status = 'done'").fetchone() == (4,)
