"""From the text of a chunk to rows with registers and typed values; what cannot be is rejected by name."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from thapsang.domain.metering.operations.staging import stage
from thapsang.domain.metering.types import KINDS, QUALITIES
from thapsang.kit.bulk.copy import fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_EARLIEST = date(2000, 1, 1)
_DIRECTORY = """
SELECT s.serial, r.kind AS register_kind, r.id AS register, r.digits, i.multiplier, i.start,
       i."end" AS finish, p.book_id AS book
FROM incoming_serial s JOIN metering_meter m ON m.serial = s.serial
LEFT JOIN metering_installation i ON i.meter_id = m.id
LEFT JOIN metering_register r ON r.installation_id = i.id
LEFT JOIN customers_supplypoint p ON p.id = i.supply_point_id
"""


def typed(rows: pl.DataFrame, today: date) -> pl.DataFrame:
    """Add `day`, `number`, `mark` (quality) and `code` (why the row cannot be, or null) to rows of text."""
    text, value = pl.col("read_on"), pl.col("value")
    day = pl.when(text.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(text.str.to_date("%Y-%m-%d", strict=False))
    whole = value.str.contains(r"^\d{1,18}(\.0+)?$")
    number = pl.when(whole).then(value.str.extract(r"^(\d+)").cast(pl.Int64, strict=False))
    quality = pl.col("quality").str.to_uppercase()
    mark = pl.when(quality == "").then(pl.lit("A")).otherwise(quality)
    rows = rows.with_columns(day=day, number=number, mark=mark)
    # A reading of this evening counts at 00:00 of tomorrow.
    return rows.with_columns(
        code=pl.when(pl.col("serial") == "").then(pl.lit("no-serial"))
        .when(~pl.col("register").is_in(KINDS)).then(pl.lit("unknown-register"))
        .when(pl.col("day").is_null() | (pl.col("day") < _EARLIEST)).then(pl.lit("bad-date"))
        .when(pl.col("day") > today + timedelta(days=1)).then(pl.lit("future-date"))
        .when(value.str.contains(r"^-\s*\d+([.,]\d+)?$")).then(pl.lit("negative"))
        .when(value.str.contains(r"^\d{19,}$")).then(pl.lit("too-many-digits"))
        .when(pl.col("number").is_null()).then(pl.lit("not-a-number"))
        .when(~pl.col("mark").is_in(QUALITIES)).then(pl.lit("bad-quality"))
    )  # fmt: skip


def located(link: Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """Add the register that hung on the day (`register_id`, `digits`, `multiplier`, `book`), or a `code`."""
    stage(link, "incoming_serial", rows.select("serial").unique())
    directory = pl.DataFrame(fetch(link, _DIRECTORY))
    serials, kinds = directory.select("serial").unique(), directory.select("serial", "register_kind").unique()
    there = (pl.col("start") <= pl.col("day")) & (
        pl.col("finish").is_null() | (pl.col("day") <= pl.col("finish"))
    )
    met = (
        rows.select("row", "serial", "register", "day")
        .join(directory.rename({"register": "register_id"}), left_on=["serial", "register"],
              right_on=["serial", "register_kind"])
        .filter(there)
    )  # fmt: skip
    if met["row"].n_unique() < met.height:  # taken down and hung again on one day: the later place has it
        met = met.sort("row", "start").unique("row", keep="last", maintain_order=True)
    rows = rows.join(met.select("row", "register_id", "digits", "multiplier", "book"), on="row", how="left")
    known_serial = pl.col("serial").is_in(serials["serial"].implode())
    placed = pl.col("register_id").is_not_null()
    return rows.join(
        kinds.with_columns(kind_known=pl.lit(value=True)), left_on=["serial", "register"],
        right_on=["serial", "register_kind"], how="left",
    ).with_columns(
        code=pl.when(placed & (pl.col("number") >= pl.lit(10).pow(pl.col("digits"))))
        .then(pl.lit("too-many-digits"))
        .when(placed).then(pl.col("code"))
        .when(pl.col("kind_known")).then(pl.lit("not-installed"))
        .when(known_serial).then(pl.lit("unknown-register"))
        .otherwise(pl.lit("unknown-meter"))
    )  # fmt: skip
