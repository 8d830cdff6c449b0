"""A month as it stands against the month derived again: figures, lines that differ, and what stops a correction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from thapsang.domain.billing.bulk.computing import GIVEN, Computed
from thapsang.domain.billing.bulk.standing import RELIEF, Standing

LINE_KEY = ["kind", "tier", "band", "price", "start", "end"]
_SUMS = ("kwh", "kvarh", "net", "vat", "total")

References = Mapping[int, Mapping[int, int]]
"""By policy version: its reference numbers in those of the rating book; a number without a partner is left out."""


@dataclass(frozen=True)
class Compared:
    """One month of one book.

    rows: one a point that differs or cannot be corrected: point, of_bill (the month's regular number), follows (the
    bill that stands in whole: the regular one, or what replaced it), run_id, customer_id, agreement_id,
    account_id, old_* and new_* of kwh, kvarh, net, vat, total (đồng), category, household_quarters, start, end,
    estimated, vat_rate, code, detail, only, relief_total, bills (standing ids).
    lines: those that differ, of the rows: point, LINE_KEY, old_kwh, old_amount, new_kwh, new_amount, old_reference,
    new_reference. derived: all lines of the rows as derived. standing: what the rows stand against. same: months
    that came out as billed. given: what reliefs take off what is derived (relieving.RELIEF).
    """

    rows: pl.DataFrame
    lines: pl.DataFrame
    derived: pl.DataFrame
    standing: Standing
    same: int
    given: pl.DataFrame

    def digest(self) -> str:
        """Return the SHA-256 of what issuing this would come to: of the months that can be corrected."""
        good = self.rows.filter(pl.col("code") == "")
        bills = self.standing.bills.filter(pl.col("point").is_in(good["point"].implode()))
        text = good.drop("bills", "old_rates").write_csv() + self.lines.write_csv() + self.derived.write_csv()
        text += bills.select("id", "net", "vat", "kind", "of_bill").write_csv()
        return hashlib.sha256(text.encode()).hexdigest()


def compare(
    *,
    points: pl.Series,
    computed: Computed,
    standing: Standing,
    references: References,
    version: int,
    sequence: int = 0,
) -> Compared:
    """Set points' months as derived (`computed`, relieved if they were) against what stands.

    `version` is the policy version that rated `computed`, `references` those of other versions in its numbers;
    `sequence` that of the bills corrected, 0 for the regular ones.
    """
    wanted = pl.col("point").is_in(points.implode())
    derived = pl.DataFrame(computed.rated.lines).filter(wanted).with_columns(
        pl.col("kind", "band").cast(pl.String), pl.col("tier", "price", "reference", "line_no").cast(pl.Int64)
    )  # fmt: skip
    old_lines = _with_reference(standing, references, version)
    rows = _figures(points, computed, standing, sequence)
    lines = _lines(old_lines, derived)
    rows = _codes(rows, computed, lines)
    differs = (
        (pl.col("code") != "")
        | pl.col("point").is_in(lines["point"].implode())
        | pl.any_horizontal(pl.col(f"old_{name}") != pl.col(f"new_{name}") for name in _SUMS)
    )
    wrong = rows.filter(differs)
    kept = pl.col("point").is_in(wrong["point"].implode())
    lines = lines.filter(kept)
    wrong = wrong.with_columns(only=_only(wrong, lines))
    narrow = Standing(standing.bills.filter(kept), standing.lines, standing.reliefs)
    good = pl.col("point").is_in(wrong.filter(pl.col("code") == "")["point"].implode())
    return Compared(
        wrong.sort("point"), lines.filter(good).sort("point", *LINE_KEY, "law"),
        derived.filter(good).sort("point", "line_no"), narrow, len(points) - wrong.height, _given(computed, good),
    )  # fmt: skip


def _given(computed: Computed, good: pl.Expr) -> pl.DataFrame:
    if computed.given is None:
        return pl.DataFrame(schema=GIVEN)
    return computed.given.filter(good).with_columns(pl.col("programme", "rule").cast(pl.String))


def _with_reference(standing: Standing, references: References, version: int) -> pl.DataFrame:
    """Add point and `told`: the line's reference in the numbers of the rating book (null: it has no partner)."""
    owners = standing.bills.select("point", bill_id="id", version="version")
    lines = standing.lines.join(owners, on="bill_id")
    pairs = [
        (old, number, there)
        for old, numbers in references.items() for number, there in numbers.items()
    ]  # fmt: skip
    known = pl.DataFrame(
        pairs, schema={"version": pl.Int64, "reference": pl.Int64, "told": pl.Int64}, orient="row"
    )
    found = lines.join(known, on=["version", "reference"], how="left", maintain_order="left")
    # A relief's reference counts in its own book, the same however often the month is derived.
    same = (pl.col("version") == version) | (pl.col("kind") == RELIEF)
    own = pl.when(same).then("reference").otherwise("told")
    return found.with_columns(told=own)


def _figures(points: pl.Series, computed: Computed, standing: Standing, sequence: int) -> pl.DataFrame:
    """Return one row a point: what stands (old_*), what is derived (new_*), and whose it is."""
    whole = standing.bills.filter(pl.col("kind").is_null() | (pl.col("kind") == "replaces"))
    first = pl.col("id") // 10 * 10 + sequence
    regular = whole.sort("id").unique("point", keep="last", maintain_order=True).select(
        "point", "run_id", "customer_id", "agreement_id", follows="id", of_bill=first,
        relief_version="relief_version_id",
        old_start="start", old_end="end",
    )  # fmt: skip
    old = standing.bills.group_by("point").agg(
        *(pl.col(name).sum().alias(f"old_{name}") for name in _SUMS),
        bills=pl.col("id").sort(), old_rates=pl.col("vat_rate").unique(),
    )  # fmt: skip
    new = pl.DataFrame(computed.rated.bills).select(
        "point", "start", "end", pl.col("category").cast(pl.String), pl.col("household_quarters").cast(pl.Int64),
        pl.col("vat_rate").cast(pl.Int64), *(pl.col(name).alias(f"new_{name}") for name in _SUMS),
    )  # fmt: skip
    owners = computed.owners.select("point", "account_id", owner="customer_id", agreed="agreement_id")
    rows = pl.DataFrame({"point": points.cast(pl.Int64)}).unique(maintain_order=True)
    for table in (regular, old, new, owners, standing.reliefs):
        rows = rows.join(table, on="point", how="left", maintain_order="left")
    return rows.with_columns(
        pl.col("relief_total").fill_null(0),
        estimated=pl.col("point").is_in(computed.estimated.implode()),
    )


def _lines(old: pl.DataFrame, derived: pl.DataFrame) -> pl.DataFrame:
    """Return the lines whose kWh or amount differ between what stands and what is derived.

    Lines of reliefs have no price: `law`, their reference, tells one from another (0 for all other lines).
    """
    law = pl.when(pl.col("kind") == RELIEF).then("reference").otherwise(0)
    key = ["point", *LINE_KEY, "law"]
    before = old.with_columns(law=law).group_by(key).agg(
        old_kwh=pl.col("kwh").sum(), old_amount=pl.col("amount").sum(),
        old_reference=pl.col("told").first(), lost=pl.col("told").is_null().any(),
    )  # fmt: skip
    after = (
        derived.with_columns(law=law)
        .group_by(key)
        .agg(
            new_kwh=pl.col("kwh").sum(),
            new_amount=pl.col("amount").sum(),
            new_reference=pl.col("reference").first(),
        )
    )
    both = before.join(after, on=key, how="full", coalesce=True)
    both = both.with_columns(
        pl.col("old_kwh", "old_amount", "new_kwh", "new_amount").fill_null(0),
        pl.col("lost").fill_null(value=False),
    )
    return both.filter(
        (pl.col("old_kwh") != pl.col("new_kwh")) | (pl.col("old_amount") != pl.col("new_amount"))
    )


def _codes(rows: pl.DataFrame, computed: Computed, lines: pl.DataFrame) -> pl.DataFrame:
    """Add code and detail: why a month cannot be corrected, empty when it can."""
    rows = rows.join(computed.exceptions, on="point", how="left", maintain_order="left")
    moved = (pl.col("start") != pl.col("old_start")) | (pl.col("end") != pl.col("old_end"))
    code = (
        pl.when(pl.col("of_bill").is_null()).then(pl.lit("not-billed"))
        .when(pl.col("code").is_not_null()).then("code")
        .when(pl.col("new_net").is_null()).then(pl.lit("no-bill-now"))
        .when((pl.col("owner") != pl.col("customer_id")) | (pl.col("agreed") != pl.col("agreement_id")))
        .then(pl.lit("customer-changed"))
        .when(moved).then(pl.lit("period-moved"))
        .otherwise(pl.lit(""))
    )  # fmt: skip
    figures = [f"{when}_{name}" for when in ("old", "new") for name in _SUMS]
    rows = rows.with_columns(code=code, detail=pl.col("detail").fill_null("{}"))
    return rows.with_columns(pl.col(figures).fill_null(0))


def _only(rows: pl.DataFrame, lines: pl.DataFrame) -> pl.Expr:
    """Say where only one way is open: another VAT rate or law without a number needs a replacing bill."""
    lost = lines.filter("lost")["point"].unique()
    rate = pl.col("old_rates").list.len() > 1
    rate = rate | (pl.col("old_rates").list.first() != pl.col("vat_rate"))
    return (
        pl.when(pl.col("code") != "").then(pl.lit(""))
        .when(rate.fill_null(value=False) | pl.col("point").is_in(lost.implode())).then(pl.lit("replace"))
        .otherwise(pl.lit(""))
    )  # fmt: skip
