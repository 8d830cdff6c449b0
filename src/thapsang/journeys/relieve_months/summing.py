"""What a simulation adds up: by category, team, month and rule; the distribution, the largest, who just missed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from thapsang.engines.relief import Missed

LARGEST = 10
STEPS = 10
_MONEY = ("amount", "vat", "cash")


@dataclass
class Sums:
    """The sums of one variant, block by block. Amounts in đồng: before VAT on the bill, its VAT, cash."""

    groups: list[pl.DataFrame] = field(default_factory=list)
    rules: list[pl.DataFrame] = field(default_factory=list)
    largest: list[pl.DataFrame] = field(default_factory=list)
    totals: list[np.ndarray] = field(default_factory=list)
    reached: list[np.ndarray] = field(default_factory=list)
    missed: list[tuple[date, Missed]] = field(default_factory=list)
    problems: int = 0
    bills: int = 0

    def add(
        self, period: date, relief: pl.DataFrame, bills: pl.DataFrame, missed: list[Missed], problems: int
    ) -> None:
        """Take in a block: `relief` (RELIEF) of the programmes asked about, `bills` with point, category, team."""
        self.bills += bills.height
        self.problems += problems
        self.missed += [(period, one) for one in missed]
        if relief.is_empty():
            return
        month = pl.lit(period)
        words = pl.col("programme", "rule").cast(pl.String)
        counted = pl.len().cast(pl.Int64).alias("points")
        by_rule = relief.group_by("programme", "rule").agg(counted, pl.col("kwh", *_MONEY).sum())
        self.rules.append(by_rule.with_columns(words, month=month))
        by_point = relief.group_by("point", maintain_order=True).agg(pl.col(*_MONEY).sum())
        placed = by_point.join(
            bills.select("point", "category", "team"), on="point", how="left", maintain_order="left"
        )
        self.groups.append(
            placed.group_by("category", "team").agg(pl.len().cast(pl.Int64).alias("points"), pl.col(*_MONEY).sum())
            .with_columns(month=month)
        )  # fmt: skip
        worth = placed.with_columns(worth=pl.sum_horizontal(_MONEY), month=month)
        self.largest.append(worth.top_k(LARGEST, by="worth"))
        self.totals.append(worth["worth"].to_numpy())
        self.reached.append(by_point["point"].to_numpy())

    def join(self, other: Sums) -> None:
        """Take in what another thread added up."""
        for name in ("groups", "rules", "largest", "totals", "reached", "missed"):
            getattr(self, name).extend(getattr(other, name))
        self.problems += other.problems
        self.bills += other.bills

    def result(self, name: str) -> dict[str, Any]:
        """Return everything as plain values that JSON takes."""
        groups = _concat(self.groups)
        return {
            "name": name,
            "bills": self.bills,
            "customers": _different(self.reached),
            "total": _total(groups),
            "by_month": _by(groups, "month"),
            "by_category": _by(groups, "category"),
            "by_team": _by(groups, "team"),
            "by_rule": _rules(_concat(self.rules)),
            "distribution": _distribution(self.totals),
            "largest": _largest(_concat(self.largest)),
            "missed": _missed(self.missed),
            "unpriced": self.problems,
        }


def _different(points: list[np.ndarray]) -> int:
    """Return how many different points there are: they are numbered densely, so a mark each is enough."""
    if not points:
        return 0
    seen = np.zeros(max((int(part.max()) for part in points if len(part)), default=0) + 1, np.bool_)
    for part in points:
        seen[part] = True
    return int(np.count_nonzero(seen))


def _concat(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts) if parts else pl.DataFrame()


def _total(groups: pl.DataFrame) -> dict[str, int]:
    if groups.is_empty():
        return dict.fromkeys(("points", *_MONEY), 0)
    return {name: int(groups[name].sum()) for name in ("points", *_MONEY)}


def _by(groups: pl.DataFrame, key: str) -> list[dict[str, Any]]:
    if groups.is_empty():
        return []
    rows = groups.group_by(key).agg(pl.col("points", *_MONEY).sum())
    rows = rows.sort("month") if key == "month" else rows.sort(["amount", "cash"], descending=True)
    return [{**row, key: str(row[key])[:7] if key == "month" else row[key]} for row in rows.to_dicts()]


def _rules(rules: pl.DataFrame) -> list[dict[str, Any]]:
    if rules.is_empty():
        return []
    rows = rules.group_by("month", "programme", "rule").agg(pl.col("points", "kwh", *_MONEY).sum())
    return [
        {**row, "month": f"{row['month']:%Y-%m}"}
        for row in rows.sort("month", "programme", "rule").to_dicts()
    ]


def _distribution(totals: list[np.ndarray]) -> dict[str, Any]:
    """Return deciles of what a customer gets in a month, and a histogram up to the ninth decile and beyond."""
    if not totals:
        return {"deciles": [], "bars": []}
    worth = np.concatenate(totals)
    deciles = [int(value) for value in np.quantile(worth, np.arange(1, 10) / 10, method="lower")]
    width = max(1, -(-deciles[-1] // STEPS))
    width = -(-width // 1000) * 1000 if width > 1000 else width
    counts = np.bincount(np.minimum((worth - 1) // width, STEPS).clip(0), minlength=STEPS + 1)
    bars = [
        {"from": place * width, "until": (place + 1) * width if place < STEPS else None, "points": int(count)}
        for place, count in enumerate(counts)
    ]
    return {"deciles": deciles, "bars": bars}


def _largest(rows: pl.DataFrame) -> list[dict[str, Any]]:
    if rows.is_empty():
        return []
    top = rows.top_k(LARGEST, by="worth").sort("worth", descending=True)
    return [{**row, "month": f"{row['month']:%Y-%m}"} for row in top.to_dicts()]


def _missed(found: list[tuple[date, Missed]]) -> list[dict[str, Any]]:
    """Return, by rule, how many just missed it and the ten nearest, with kWh and limit."""
    by_rule: dict[tuple[str, str], list[tuple[date, Missed]]] = {}
    for period, one in found:
        by_rule.setdefault((one.programme, one.rule), []).append((period, one))
    return [
        {
            "programme": programme, "rule": rule, "points": sum(len(one.point) for _, one in parts),
            "nearest": sorted((row for part in parts for row in _nearest(*part)), key=_far)[:LARGEST],
        }
        for (programme, rule), parts in sorted(by_rule.items())
    ]  # fmt: skip


def _nearest(period: date, one: Missed) -> list[dict[str, Any]]:
    order = np.argsort(np.abs(one.kwh - one.limit), kind="stable")[:LARGEST]
    return [
        {"month": f"{period:%Y-%m}", "point": int(one.point[i]), "kwh": int(one.kwh[i]), "limit": int(one.limit[i])}
        for i in order
    ]  # fmt: skip


def _far(row: dict[str, Any]) -> tuple[int, int]:
    return abs(row["kwh"] - row["limit"]), row["point"]
