"""Write judged chunks: COPY the good rows, replace estimates, give the bad rows back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from django.conf import settings

from thapsang.domain.metering.operations import fetching, judging
from thapsang.domain.metering.operations.checking import Places, located, typed
from thapsang.domain.metering.operations.fetching import between
from thapsang.domain.metering.operations.months import copy_readings, ensure_months
from thapsang.domain.metering.operations.reading_files import COLUMNS, Chunk
from thapsang.domain.metering.operations.staging import stage
from thapsang.domain.metering.queries.darkness import Darkness, register_darkness
from thapsang.domain.metering.types import reading_policy
from thapsang.kit.bulk.copy import execute, fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_NEAR, _BACK = timedelta(days=40), timedelta(days=75)
"""How far around a chunk's dates readings are fetched, and how far back for what needs a second look."""

_BEFORE = """
SELECT w.register, b.read_on, b.value, b.quality, false AS price FROM lonely_register w CROSS JOIN LATERAL (
    SELECT read_on, value, quality FROM metering_reading m
    WHERE m.register_id = w.register AND m.read_on < '{first}' ORDER BY m.read_on DESC LIMIT 1) b
"""
_REPLACE = """
UPDATE metering_reading m SET value = s.value, quality = s.quality, source = s.source,
       import_file_id = s.import_file_id
FROM better_reading s WHERE m.register_id = s.register_id AND m.read_on = s.read_on
"""
_GIVE_BACK = """
INSERT INTO metering_rejectedreading (import_file_id, row, raw, action, code, figures, reason, remedy)
SELECT {import_id}, row, raw::jsonb, action, code, figures::jsonb, '', '' FROM given_back
"""
_OUTDATE = """
UPDATE metering_rejectedreading SET resolved_at = now()
WHERE import_file_id = {import_id} AND resolved_at IS NULL
"""
_EXPECTED = """
SELECT b.id AS book, count(*) AS expected
FROM network_readingbook b JOIN customers_supplypoint p ON p.book_id = b.id AND p.status = 'active'
JOIN metering_installation i ON i.supply_point_id = p.id AND i.start <= '{day}'
     AND (i."end" IS NULL OR i."end" > '{day}')
JOIN metering_register r ON r.installation_id = i.id
WHERE b.id IN ({books}) AND b.reading_day = extract(day FROM date '{day}') GROUP BY b.id
"""
_MISSING = """
SELECT b.code AS book, '{day}' AS read_on, count(*) AS missing
FROM customers_supplypoint p JOIN network_readingbook b ON b.id = p.book_id
JOIN metering_installation i ON i.supply_point_id = p.id AND i.start <= '{day}'
     AND (i."end" IS NULL OR i."end" > '{day}')
JOIN metering_register r ON r.installation_id = i.id
LEFT JOIN metering_reading m ON m.register_id = r.id AND m.read_on = '{day}'
WHERE p.book_id IN ({books}) AND p.status = 'active' AND m.register_id IS NULL
GROUP BY b.code ORDER BY b.code
"""
_SPLIT = """
WITH changed AS (
    UPDATE metering_reading m SET source = 'price' FROM interim_reading s
    WHERE m.register_id = s.register AND m.read_on = s.read_on AND m.source <> 'price' RETURNING 1
) SELECT count(*) AS changed FROM changed
"""
_OPEN_REJECTIONS = """
SELECT id, raw->>'serial' AS serial, raw->>'register' AS register, raw->>'read_on' AS read_on
FROM metering_rejectedreading
WHERE import_file_id <> {import_id} AND action = 'reject' AND resolved_at IS NULL
"""
_RESOLVE = """
UPDATE metering_rejectedreading r SET resolved_at = '{at}' FROM settled_rejection s
WHERE r.id = s.id AND r.resolved_at IS NULL
"""
_FINISH = """
UPDATE metering_readingimport SET status = 'finished', problem = '', rows = {rows}, accepted = {accepted},
       replaced = {replaced}, repeated = {repeated}, rejected = {rejected}, flagged = {flagged}, done = size,
       missing = '{missing}'::jsonb, finished_at = '{at}' WHERE id = {import_id}
"""

_TOLD = ("other_on", "other_value", "use", "usual", "hours")
_REJECTION = {"id": pl.Int64, "serial": pl.String, "register": pl.String, "read_on": pl.String}


class ImportWriter:
    """Takes the chunks of one file into one open transaction and counts what became of the rows."""

    def __init__(self, link: Connection, import_id: int, channel: str, reason: str, today: date) -> None:
        self._link, self._import_id, self._today = link, import_id, today
        self._source = "ami" if channel == "ami" else "import"
        self._policy = reading_policy(settings.POLICIES / settings.DISTRIBUTOR, today)
        self._covered = Counter[tuple[date, int]]()
        self.rows, self.counts, self.by_code = 0, Counter[str](), Counter[str]()
        quoted = reason.replace("'", "''")
        execute(link, f"SELECT set_config('thapsang.correction', '{quoted}', true)")
        execute(link, _OUTDATE.format(import_id=import_id))
        self._open = pl.DataFrame(
            fetch(link, _OPEN_REJECTIONS.format(import_id=import_id)), schema=_REJECTION
        )
        self._settled: list[pl.Series] = []
        self._places = Places(link)

    def write(self, chunk: Chunk) -> None:
        """Judge and write one chunk."""
        self.rows += chunk.rows.height + len(chunk.malformed)
        rows = typed(chunk.rows, self._today)
        fine = rows.filter(pl.col("code").is_null())
        placed = (
            located(self._link, fine, self._places)
            if fine.height
            else fine.with_columns(register_id=None, book=None)
        )
        candidates = placed.filter(pl.col("code").is_null())
        self._give_back(rows.filter(pl.col("code").is_not_null()), {}, "reject")
        self._give_back(placed.filter(pl.col("code").is_not_null()), {}, "reject")
        self._give_back_malformed(chunk.malformed)
        if candidates.height:
            self._write_candidates(candidates)

    def _write_candidates(self, rows: pl.DataFrame) -> None:
        days = rows["day"]
        first, last = _date(days.min()), _date(days.max())
        ensure_months(first, last)
        candidates = rows.select(
            "row",
            "digits",
            "multiplier",
            register="register_id",
            read_on="day",
            value="number",
            quality="mark",
        ).select([pl.col(name).cast(kind) for name, kind in judging.CANDIDATE.items()])
        registers = candidates["register"].unique()
        dark = register_darkness(
            self._link, since=_year_before(first - _BACK), until=last, registers=registers
        )
        known = self._known(candidates, first, last, dark)
        judged = judging.judge(candidates, known, self._policy, dark)
        judged = judged.join(rows.select("row", "price"), on="row", maintain_order="left")
        self._copy(judged.filter(pl.col("verdict") == "accept"))
        self._replace(judged.filter(pl.col("verdict") == "replace"))
        self._repeat(judged.filter(pl.col("verdict") == "repeat"))
        self._settle(rows.join(judged.filter(pl.col("verdict") != "reject"), on="row", how="semi"))
        for action, column in (("reject", "code"), ("flag", "flag")):
            told = judged.filter(pl.col(column).is_not_null())
            figures = {r["row"]: r for r in told.drop("code", "flag").iter_rows(named=True)}
            back = rows.drop("code").join(told.select("row", code=column), on="row")
            self._give_back(back, figures, action)
        self._cover(rows, judged)

    def _cover(self, rows: pl.DataFrame, judged: pl.DataFrame) -> None:
        """Count for each book and day how many of its registers have a reading through this file."""
        there = judged.filter(pl.col("verdict") != "reject").unique(["register", "read_on"]).select("row")
        counted = (
            rows.select("row", "day", "book").join(there, on="row", how="semi").group_by("day", "book").len()
        )
        for day, book, count in counted.iter_rows():
            self._covered[(day, book)] += count

    def _known(
        self, candidates: pl.DataFrame, first: date, last: date, dark: Darkness | None
    ) -> pl.DataFrame:
        """Fetch what is known of the chunk's registers around its dates; of the doubtful ones, more history."""
        registers = candidates["register"].unique()
        around = fetching.readings_of(self._link, registers, between(first - _NEAR, last + _NEAR))
        met = around.filter(pl.col("read_on") < first)["register"].unique()
        lonely = registers.filter(~registers.is_in(met.implode()))
        odd = judging.doubtful(candidates, around, self._policy, dark)
        doubtful = pl.concat([odd, lonely]).unique()
        history = fetching.readings_of(self._link, doubtful, between(first - _BACK, first - _NEAR))
        year = fetching.readings_of(
            self._link, doubtful, between(_year_before(first - _BACK), _year_before(last))
        )
        parts = [around, history, year]
        if len(lonely):
            stage(self._link, "lonely_register", lonely.to_frame())
            before = fetch(self._link, _BEFORE.format(first=f"{first - _NEAR:%Y-%m-%d}"))
            parts.append(pl.DataFrame(before, schema=fetching.SCHEMA))
        known = pl.concat(parts) if any(part.height for part in parts[1:]) else around
        return known.unique(["register", "read_on"]).select(list(judging.KNOWN))

    def _stored(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(
            "read_on", "value", "quality", register_id="register",
            source=pl.when("price").then(pl.lit("price")).otherwise(pl.lit(self._source)),
            import_file_id=pl.lit(self._import_id, pl.Int64),
        )  # fmt: skip

    def _copy(self, rows: pl.DataFrame) -> None:
        self.counts["accepted"] += copy_readings(self._link, self._stored(rows))

    def _replace(self, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        stage(self._link, "better_reading", self._stored(rows))
        execute(self._link, _REPLACE)
        self.counts["accepted"] += rows.height
        self.counts["replaced"] += rows.height

    def _repeat(self, rows: pl.DataFrame) -> None:
        """Count readings that are there already; one that now splits the period is marked as such."""
        splits, changed = rows.filter("price"), 0
        if splits.height:
            stage(self._link, "interim_reading", splits.select("register", "read_on").unique())
            changed = int(fetch(self._link, _SPLIT).column("changed")[0].as_py())
        self.counts["accepted"] += changed
        self.counts["replaced"] += changed
        self.counts["repeated"] += rows.height - changed

    def _settle(self, rows: pl.DataFrame) -> None:
        """Note which rows that once came back are in now: by their number, or by meter, register and day."""
        if self._open.is_empty():
            return
        named = rows["rejection"].cast(pl.Int64, strict=False).drop_nulls()
        met = self._open.join(rows, on=["serial", "register", "read_on"], how="semi")["id"]
        self._settled += [met, self._open.filter(pl.col("id").is_in(named.implode()))["id"]]

    def _give_back_malformed(self, lines: list[tuple[int, str]]) -> None:
        self._insert([
            {"row": row, "raw": _json({"line": text}), "action": "reject", "code": "malformed", "figures": "{}"}
            for row, text in lines
        ])  # fmt: skip

    def _give_back(self, rows: pl.DataFrame, figures: dict[int, dict[str, Any]], action: str) -> None:
        self._insert([
            {"row": row["row"], "raw": _json({name: row[name] for name in COLUMNS}), "action": action,
             "code": row["code"], "figures": _json(_judged(figures.get(row["row"], {})))}
            for row in rows.iter_rows(named=True)
        ])  # fmt: skip

    def _insert(self, back: list[dict[str, Any]]) -> None:
        if not back:
            return
        stage(self._link, "given_back", pl.DataFrame(back))
        execute(self._link, _GIVE_BACK.format(import_id=self._import_id))
        self.counts["rejected" if back[0]["action"] == "reject" else "flagged"] += len(back)
        self.by_code.update(row["code"] for row in back)

    def finish(self, at: datetime) -> None:
        """Count what the books in the file still lack, settle what came back before, and close the import."""
        settled = pl.concat(self._settled).unique() if self._settled else pl.Series("id", [], pl.Int64)
        if len(settled):
            stage(self._link, "settled_rejection", settled.alias("id").to_frame())
            execute(self._link, _RESOLVE.format(at=at.isoformat()))
        missing: list[dict[str, Any]] = []
        for day in sorted({day for day, _ in self._covered}):
            books = {book: count for (when, book), count in self._covered.items() if when == day}
            expected = fetch(self._link, _EXPECTED.format(day=day, books=_list(books)))
            lacking = [row["book"] for row in expected.to_pylist() if books[row["book"]] < row["expected"]]
            if lacking:
                missing += fetch(self._link, _MISSING.format(day=day, books=_list(lacking))).to_pylist()
        counts = {
            name: self.counts[name] for name in ("accepted", "replaced", "repeated", "rejected", "flagged")
        }
        told = json.dumps(missing).replace("'", "''")
        execute(
            self._link,
            _FINISH.format(
                import_id=self._import_id, rows=self.rows, missing=told, at=at.isoformat(), **counts
            ),
        )


def _judged(figures: dict[str, Any]) -> dict[str, Any]:
    """Return what the judgement compared a row with; the row's own figures stand in `raw`."""
    return {name: figures[name] for name in _TOLD if figures.get(name) is not None}


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, default=str)


def _list(numbers: Iterable[int]) -> str:
    return ",".join(str(int(number)) for number in numbers)


def _date(value: Any) -> date:
    if not isinstance(value, date):
        raise TypeError(f"{value!r} is no date")
    return value


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=min(day.day, 28) if day.month == 2 else day.day)
