"""Small tables for the relief engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.factories.rating import NGHE_AN, REFERENCE, ROOT, Point, book, terms_table, usage_table
from thapsang.engines.relief import EVIDENCE, FACTS, ReliefBook, Relieved, Why, load_reliefs, relieve, why

POLICIES = ROOT / "policies"
_BOOKS: dict[Path, ReliefBook] = {}


def reliefs(tariffs: Path = NGHE_AN) -> ReliefBook:
    """Return the programmes beside a tariffs folder, read once."""
    if tariffs not in _BOOKS:
        _BOOKS[tariffs] = load_reliefs(tariffs.parent / "reliefs", book(tariffs))
    return _BOOKS[tariffs]


@dataclass(frozen=True)
class Fact:
    point: int
    use: str | None = None
    area: str | None = None


def facts_table(facts: list[Fact]) -> pa.Table:
    return pa.Table.from_pylist([vars(fact) for fact in facts], FACTS)


def listed(
    code: str, point: int | None = None, area: str | None = None,
    start: date = date(2014, 1, 1), end: date | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a row of evidence."""
    return {"list": code, "point": point, "area": area, "start": start, "end": end}


def tables(
    points: list[Point], facts: list[Fact] | None = None, evidence: list[dict[str, Any]] | None = None
) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """Return usage, terms, facts and evidence as the engine takes them."""
    return (
        usage_table(points),
        terms_table(points),
        facts_table(facts or []),
        pa.Table.from_pylist(evidence or [], EVIDENCE),
    )


def relieved(
    points: list[Point],
    facts: list[Fact] | None = None,
    evidence: list[dict[str, Any]] | None = None,
    *,
    month: date,
    invoice: date | None = None,
    tariffs: Path = NGHE_AN,
    programmes: ReliefBook | None = None,
) -> Relieved:
    return relieve(
        book(tariffs), programmes or reliefs(tariffs), *tables(points, facts, evidence),
        bill_month=month, invoice_date=invoice or month,
    )  # fmt: skip


def reasons(
    point: int,
    points: list[Point],
    facts: list[Fact] | None = None,
    evidence: list[dict[str, Any]] | None = None,
    *,
    month: date,
    invoice: date | None = None,
    tariffs: Path = NGHE_AN,
) -> Why:
    return why(
        book(tariffs), reliefs(tariffs), *tables(points, facts, evidence),
        point=point, bill_month=month, invoice_date=invoice or month,
    )  # fmt: skip


def fictional(tmp_path: Path) -> Path:
    """Return a copy of the fictional distributor's folder."""
    import shutil

    copy = tmp_path / "fictional"
    shutil.copytree(REFERENCE.parent, copy)
    return copy
