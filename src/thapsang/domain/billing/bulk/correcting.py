"""The later bills that set months right: one adjusting bill each, or a cancelling and a replacing one (ADR 22, 23)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
import pyarrow as pa

from thapsang.domain.billing.bulk.adjusting import LAST_SEQUENCE
from thapsang.domain.billing.bulk.comparing import Compared
from thapsang.domain.billing.bulk.standing import RELIEF
from thapsang.domain.billing.bulk.tables import BILL, LINE, LINKS_AND_TARIFFS
from thapsang.domain.billing.types import PERIOD_FACTOR, BillingError, yymm

_SUMS = ("kwh", "kvarh", "net", "vat", "total")
_NONE = pl.DataFrame(schema={"was": pl.Int64, "made": pl.Int64})


@dataclass(frozen=True)
class Made:
    """Later bills ready to be written.

    bills: columns of BILL, `point`, `account_id`, `book` order of number; lines: LINE; links: LINKS_AND_TARIFFS
    without origin; main: of_bill and the bill that sets it right. cancels: `was` cancelled by `made`.
    """

    bills: pl.DataFrame
    lines: pl.DataFrame
    links: pl.DataFrame
    main: pl.DataFrame
    cancels: pl.DataFrame

    def bill_table(self) -> pa.Table:
        """Return the bills as their table takes them."""
        return self.bills.select(BILL.names).to_arrow().cast(BILL)

    def line_table(self) -> pa.Table:
        """Return the lines as their table takes them."""
        return self.lines.select(LINE.names).to_arrow().cast(LINE)

    def link_table(self, origin: str) -> pa.Table:
        """Return the links as their table takes them, all of one origin."""
        return (
            self.links.with_columns(origin=pl.lit(origin))
            .select(LINKS_AND_TARIFFS.names)
            .to_arrow()
            .cast(LINKS_AND_TARIFFS)
        )


def adjusting(
    compared: Compared, *, period: date, first: pl.DataFrame, version: int, issued_on: date, due_on: date
) -> Made:
    """Make one bill a point with the differences: what was billed wrongly with a minus, what is right with a plus.

    `first`: point and its next free `sequence`; `version`: the policy version that rated what is derived.
    Raises BillingError naming the points whose bills can only be replaced.
    """
    good = _good(compared, "adjust")
    bills = good.join(first, on="point").with_columns(
        id=yymm(period) * PERIOD_FACTOR + pl.col("point") * 10 + pl.col("sequence"),
        **{name: pl.col(f"new_{name}") - pl.col(f"old_{name}") for name in _SUMS},
    )  # fmt: skip
    links = bills.select(
        bill_id="id", of_bill_id="follows", kind=pl.lit("adjusts"), relief_version_id="relief_version",
        policy_version_id=pl.lit(version, pl.Int64),
    )  # fmt: skip
    lines = _difference_lines(compared.lines).join(bills.select("point", bill_id="id"), on="point")
    return Made(
        _dated(bills, issued_on, due_on), _numbered(lines), links, bills.select("of_bill", made="id"), _NONE
    )


def replacing(
    compared: Compared, *, period: date, first: pl.DataFrame, version: int, issued_on: date, due_on: date
) -> Made:
    """Make for each point a bill that cancels each one standing, and one in their place; arguments as `adjusting`.

    Raises BillingError naming the points whose bills can only be adjusted, or that have too many later bills.
    """
    good = _good(compared, "replace")
    base = yymm(period) * PERIOD_FACTOR
    stood = compared.standing.bills.join(good.select("point", "account_id"), on="point").join(
        first, on="point"
    )
    stood = stood.sort("id").with_columns(nth=pl.int_range(pl.len()).over("point"))
    cancels = stood.with_columns(
        was="id", id=base + pl.col("point") * 10 + pl.col("sequence") + pl.col("nth"),
        **{name: -pl.col(name) for name in _SUMS},
    )  # fmt: skip
    after = cancels.group_by("point").agg(last=pl.col("id").max() + 1)
    fresh = good.join(after, on="point").with_columns(
        id="last", **{name: pl.col(f"new_{name}") for name in _SUMS}
    )
    _demand_room(fresh)
    links = [
        cancels.select(bill_id="id", of_bill_id="was", kind=pl.lit("cancels"),
                       relief_version_id="relief_version_id", policy_version_id="version"),
        fresh.select(bill_id="id", of_bill_id="follows", kind=pl.lit("replaces"),
                     relief_version_id="relief_version", policy_version_id=pl.lit(version, pl.Int64)),
    ]  # fmt: skip
    taken = compared.standing.lines.join(
        cancels.select(bill_id="was", number="id", point="point"), on="bill_id"
    )
    taken = taken.with_columns(pl.col("kwh", "amount") * -1, bill_id="number")
    given = compared.derived.join(fresh.select("point", bill_id="id"), on="point")
    names = LINE.names
    bills = pl.concat([_dated(part, issued_on, due_on) for part in (cancels, fresh)]).sort("id")
    lines = pl.concat([part.select(pl.col(name) for name in names) for part in (taken, given)])
    return Made(bills, lines.sort("bill_id", "line_no"), pl.concat(links), fresh.select("of_bill", made="id"),
                cancels.select("was", made="id"))  # fmt: skip


def _good(compared: Compared, how: str) -> pl.DataFrame:
    good = compared.rows.filter(pl.col("code") == "")
    barred = good.filter(~pl.col("only").is_in(["", how]))["point"].head(5).to_list()
    if barred:
        raise BillingError(
            f"Supply points {barred}: their VAT rate or law differs; issue this correction with `replace`."
        )
    return good


def _demand_room(fresh: pl.DataFrame) -> None:
    full = fresh.filter(pl.col("id") // 10 % 10**9 != pl.col("point"))["point"].head(5).to_list()
    if full:
        raise BillingError(
            f"Supply points {full}: cancelling and replacing would need more than {LAST_SEQUENCE} later bills "
            "of the month: issue this correction with `adjust`."
        )


def _dated(rows: pl.DataFrame, issued_on: date, due_on: date) -> pl.DataFrame:
    dated = rows.with_columns(issued_on=pl.lit(issued_on), due_on=pl.lit(due_on), supply_point_id="point")
    return dated.select(*BILL.names, "point", "account_id")


def _difference_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Return two lines for each that differs: the old with a minus, the new with a plus; empty ones are left out."""
    taken = lines.filter((pl.col("old_kwh") != 0) | (pl.col("old_amount") != 0)).with_columns(
        kwh=-pl.col("old_kwh"), amount=-pl.col("old_amount"), reference="old_reference", order=pl.lit(0)
    )
    given = lines.filter((pl.col("new_kwh") != 0) | (pl.col("new_amount") != 0)).with_columns(
        kwh="new_kwh", amount="new_amount", reference="new_reference", order=pl.lit(1)
    )
    return pl.concat([taken, given])


def _numbered(lines: pl.DataFrame) -> pl.DataFrame:
    ordered = lines.sort(
        "bill_id", "start", pl.col("kind") == RELIEF, "kind", "tier", "band", "order", "price", "reference"
    )
    return ordered.with_columns(line_no=pl.int_range(1, pl.len() + 1).over("bill_id"))
