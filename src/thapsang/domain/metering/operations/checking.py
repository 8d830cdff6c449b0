"""From the text of a chunk to rows with registers and typed values; what cannot be is rejected by name."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from thapsang.domain.metering.operations.staging import stage
from thapsang.domain.metering.types import KINDS, PURPOSES, QUALITIES
from thapsang.kit.bulk.copy import fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

WHOLE_FROM_ROWS = 250_000
"""From so many rows in a chunk on, all places are read once instead of those of each chunk."""
_EARLIEST = date(2000, 1, 1)
_KEY = ["row", "serial", "register", "day"]
_PLACES = """
SELECT s.row, r.id AS register_id, r.digits, i.multiplier, p.book_id AS book, i.start
FROM incoming_reading s JOIN metering_meter m ON m.serial = s.serial
JOIN metering_installation i ON i.meter_id = m.id AND i.start <= s.day AND (i."end" IS NULL OR s.day <= i."end")
JOIN metering_register r ON r.installation_id = i.id AND r.kind = s.register
JOIN customers_supplypoint p ON p.id = i.supply_point_id
"""
_ALL_PLACES = """
SELECT m.serial, r.kind AS register, r.id AS register_id, r.digits, i.multiplier, p.book_id AS book, i.start, i."end"
FROM metering_meter m JOIN metering_installation i ON i.meter_id = m.id
JOIN metering_register r ON r.installation_id = i.id
JOIN customers_supplypoint p ON p.id = i.supply_point_id
"""
_REASONS = """
SELECT s.row, CASE WHEN m.id IS NULL THEN 'unknown-meter'
       WHEN EXISTS (SELECT FROM metering_installation i JOIN metering_register r ON r.installation_id = i.id
                    WHERE i.meter_id = m.id AND r.kind = s.register) THEN 'not-installed'
       ELSE 'unknown-register' END AS code
FROM incoming_reading s LEFT JOIN metering_meter m ON m.serial = s.serial
"""


def typed(rows: pl.DataFrame, today: date) -> pl.DataFrame:
    """Type rows of text: `day`, `number`, `mark` (quality), `price` (an interim reading), `code` (why not, or null)."""
    text, value = pl.col("read_on"), pl.col("value")
    day = pl.when(text.str.len_bytes() == 10).then(text.str.to_date("%Y-%m-%d", strict=False))
    number = pl.when(~value.str.starts_with("+")).then(
        value.str.strip_suffix(".0").cast(pl.Int64, strict=False)
    )
    quality = pl.col("quality").str.to_uppercase()
    mark = pl.when(quality == "").then(pl.lit("A")).otherwise(quality)
    purpose = pl.col("purpose").str.to_lowercase()
    rows = rows.with_columns(day=day, number=number, mark=mark, price=purpose == "price")
    # A reading of this evening counts at 00:00 of tomorrow.
    return rows.with_columns(
        code=pl.when(pl.col("serial") == "").then(pl.lit("no-serial"))
        .when(~pl.col("register").is_in(KINDS)).then(pl.lit("unknown-register"))
        .when(pl.col("day").is_null() | (pl.col("day") < _EARLIEST)).then(pl.lit("bad-date"))
        .when(pl.col("day") > today + timedelta(days=1)).then(pl.lit("future-date"))
        .when(pl.col("number") < 0).then(pl.lit("negative"))
        .when(pl.col("number").is_null()).then(
            pl.when(value.str.contains(r"^\d{19,}$")).then(pl.lit("too-many-digits"))
            .otherwise(pl.lit("not-a-number")))
        .when(~pl.col("mark").is_in(QUALITIES)).then(pl.lit("bad-quality"))
        .when(~purpose.is_in(PURPOSES)).then(pl.lit("bad-purpose"))
    )  # fmt: skip


class Places:
    """Where each meter hangs and hung: asked of the database for a few rows, read as a whole for many.

    A chunk of hundreds of thousands of rows makes the database join all meters anyway; read once, they serve
    every chunk of the file. About 60 bytes a register are held. Meters recorded while the import runs are then
    not seen by it: their rows come back and go in with the next import.
    """

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._all: pl.DataFrame | None = None

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return `row`, the register there on the row's `day`, and `start` of its installation; one or more a row."""
        if self._all is None and rows.height < WHOLE_FROM_ROWS:
            stage(self._link, "incoming_reading", rows.select(_KEY))
            return pl.DataFrame(fetch(self._link, _PLACES))
        if self._all is None:
            self._all = pl.DataFrame(fetch(self._link, _ALL_PLACES))
        met = rows.select(_KEY).join(self._all, on=["serial", "register"])
        there = (pl.col("start") <= pl.col("day")) & (
            pl.col("end").is_null() | (pl.col("day") <= pl.col("end"))
        )
        return met.filter(there).drop("serial", "register", "day", "end")


def located(link: Connection, rows: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Add the register that hung on the day (`register_id`, `digits`, `multiplier`, `book`), or a `code`."""
    met = places.of(rows)
    if met["row"].n_unique() < met.height:  # taken down and hung again on one day: the later place has it
        met = met.sort("row", "start").unique("row", keep="last", maintain_order=True)
    rows = rows.drop("code").join(met.drop("start"), on="row", how="left", maintain_order="left")
    lost = rows.filter(pl.col("register_id").is_null()).select(_KEY)
    reasons = pl.DataFrame(schema={"row": pl.Int64, "code": pl.String})
    if lost.height:
        stage(link, "incoming_reading", lost)
        reasons = pl.DataFrame(fetch(link, _REASONS))
    too_long = pl.col("number") >= pl.lit(10, pl.Int64).pow(pl.col("digits"))
    return rows.join(reasons, on="row", how="left").with_columns(
        code=pl.when(too_long).then(pl.lit("too-many-digits")).otherwise(pl.col("code"))
    )
