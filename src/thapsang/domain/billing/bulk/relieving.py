"""Reliefs taken off in the bills themselves, as they are made and as they are derived again (docs/adr/0026)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
from django.utils import timezone

from thapsang.domain.billing.bulk.computing import GIVEN, Computed
from thapsang.domain.billing.bulk.standing import RELIEF as RELIEF_LINE
from thapsang.domain.billing.types import PERIOD_FACTOR, RunView, month_after, month_before, yymm
from thapsang.domain.customers import bulk as customers
from thapsang.domain.reliefs import bulk as reliefs
from thapsang.domain.reliefs import queries
from thapsang.domain.reliefs.types import IN_BILLS
from thapsang.engines.rating import LINES, TariffBook
from thapsang.engines.relief import FACTS, BilledMonth, BilledRelief, Facts, ReliefBook, facts_of
from thapsang.kit.bulk.copy import Link

RELIEF = GIVEN


@dataclass(frozen=True)
class InForce:
    """A book of reliefs as it stands over the bills of one month; `prices` rated them."""

    book: ReliefBook
    prices: TariffBook
    period: date
    invoice_date: date

    def engine(self, facts: Facts) -> BilledMonth:
        """Return the programmes over the month's bills; `empty` when none can hold."""
        return BilledMonth(
            self.prices, self.book, facts, bill_month=self.period, invoice_date=self.invoice_date,
            days=(month_before(self.period), month_after(self.period)),
        )  # fmt: skip

    @property
    def counts(self) -> bool:
        """Whether any programme can hold for the month."""
        nobody, nothing = FACTS.empty_table(), reliefs.NO_EVIDENCE
        return not self.engine(facts_of(nobody, nothing, self.book)).empty

    @property
    def programmes(self) -> tuple[str, ...]:
        """The codes of all programmes, as a batch names them."""
        return tuple(sorted({programme.code for programme in self.book.programmes}))


def in_force(prices: TariffBook, *, period: date, invoice_date: date) -> InForce | None:
    """Return the programmes in force when any counts for the month, else None.

    Raises PolicyError when vocabulary or doubts no longer fit them.
    """
    if not queries.programmes(status="in-force"):
        return None
    found = InForce(queries.book_in_force(prices), prices, period, invoice_date)
    return found if found.counts else None


def kept(version_id: int | None, prices: TariffBook, *, period: date, invoice_date: date) -> InForce | None:
    """Return a kept book over a month's bills; None for none. Raises UnknownVersionError."""
    if version_id is None:
        return None
    return InForce(queries.book_of(version_id, prices), prices, period, invoice_date)


def of_run(run: RunView, prices: TariffBook) -> InForce | None:
    """Return the book of reliefs a run's bills gave by, over that month; None when it gave none."""
    day = timezone.localtime(run.started_at).date()
    return kept(run.relief_version_id, prices, period=run.period, invoice_date=day)


def asks_areas(book: ReliefBook) -> bool:
    """Tell whether any rule asks for a list of areas: then the communes of all points are wanted."""
    return any(
        book.lists[listing.code].scope == "area"
        for programme in book.programmes
        for rule in programme.rules
        for group in rule.who
        for listing in (*group.lists, *group.not_lists)
    )


def facts_table(places: pl.DataFrame, uses: pl.DataFrame) -> pa.Table:
    """Return FACTS of points: `places` has point and commune, `uses` point and use."""
    beside = places.select("point", area="commune").join(uses, on="point", how="left", maintain_order="left")
    return beside.select(FACTS.names).to_arrow()


def known_evidence(evidence: pa.Table, book: ReliefBook) -> pa.Table:
    """Leave out lists the book's vocabulary no longer has."""
    known = pa.array(list(book.lists), pa.string())
    return evidence.filter(pa.compute.is_in(evidence["list"], known))


def relief_rows(found: BilledRelief) -> pl.DataFrame:
    """Return what every rule gives (RELIEF), in order of point and stacking."""
    rows, on_bill = pl.DataFrame(pa.Table.from_batches([found.lines])), pl.col("on_bill")
    return rows.select(
        "point", pl.col("programme", "rule"), "kwh",
        amount=pl.when(on_bill).then("amount").otherwise(0), vat="vat",
        cash=pl.when(on_bill).then(0).otherwise(pl.col("amount")), reference="reference",
    )  # fmt: skip


def relieve(
    link: Link, computed: Computed, law: InForce, *, sequence: int = 0, again: bool = False
) -> Computed:
    """Take the programmes off rated bills: lines of kind `relief`, net, VAT and total after it; `given` says what.

    `again`: the bills are derived anew. What batches gave and the bill (its `sequence`) did not stays the batches' own.
    """
    bills = computed.rated.bills
    if not bills.num_rows:
        return computed
    engine = law.engine(_facts(link, last_days(pl.DataFrame(bills.select(["point", "end"]))), law))
    found = engine.relieve(bills, computed.rated.lines, _terms(engine, computed.terms))
    given = relief_rows(found)
    if again and given.height:
        given = _left(link, given, law.period, sequence)
    return _taken_off(computed, given) if given.height else computed


def last_days(bills: pl.DataFrame) -> pl.DataFrame:
    """Return point and day: the last one each bill covers; the use of premises on it counts."""
    return bills.select("point", day=pl.col("end").dt.offset_by("-1d"))


def _facts(link: Link, days: pl.DataFrame, law: InForce) -> Facts:
    points = days["point"]
    low, high = int(points[0]), int(points[-1])
    used = reliefs.uses_on(link, days=days)
    if asks_areas(law.book):
        places = customers.communes_of(link, points=points)
    else:
        places = used.select("point", commune=pl.lit(None, pl.String))
    evidence = known_evidence(reliefs.evidence(link, low=low, high=high), law.book)
    return facts_of(facts_table(places, used), evidence, law.book)


def _terms(engine: BilledMonth, terms: pa.Table) -> pa.Table:
    needs = engine.needs
    if needs.terms or needs.again is None:
        return terms
    return terms.filter(pa.compute.is_in(terms["point"], pa.array(needs.again, pa.int64())))


def _left(link: Link, given: pl.DataFrame, period: date, sequence: int) -> pl.DataFrame:
    number = yymm(period) * PERIOD_FACTOR + pl.col("point") * 10 + sequence
    low, high = (yymm(period) * PERIOD_FACTOR + int(given["point"][at]) * 10 for at in (0, -1))
    theirs = reliefs.given_by_batches(link, low=low + sequence, high=high + sequence)
    rows = given.with_columns(pl.col("programme", "rule").cast(pl.String), bill_id=number)
    return rows.join(theirs, on=["bill_id", "programme"], how="anti", maintain_order="left").drop("bill_id")


def _taken_off(computed: Computed, given: pl.DataFrame) -> Computed:
    bills = computed.rated.bills
    point = bills["point"].to_numpy()
    sums = given.group_by("point").agg(pl.col("amount", "vat").sum())
    place = np.searchsorted(point, sums["point"].to_numpy())
    for name, column in (("net", "amount"), ("vat", "vat")):
        values = bills[name].to_numpy().copy()
        values[place] -= sums[column].to_numpy()
        bills = bills.set_column(bills.schema.get_field_index(name), name, pa.array(values))
    total = pa.compute.add(bills["net"], bills["vat"])
    bills = bills.set_column(bills.schema.get_field_index("total"), "total", total)
    lines = _with_lines(computed.rated.lines, bills, given.filter(pl.col("amount") != 0))
    return replace(computed, rated=replace(computed.rated, bills=bills, lines=lines), given=given)


def _with_lines(lines: pa.Table, bills: pa.Table, given: pl.DataFrame) -> pa.Table:
    """Put the relief lines behind the lines of their bill."""
    if given.is_empty():
        return lines
    owner = lines["point"].to_numpy()
    at = np.searchsorted(owner, given["point"].to_numpy(), "right") - 1
    days = pl.DataFrame(bills.select(["point", "start", "end"]))
    rows = given.join(days, on="point", how="left", maintain_order="left").with_columns(
        line_no=pl.Series(lines["line_no"].to_numpy()[at]) + pl.int_range(1, pl.len() + 1).over("point"),
        kind=pl.lit(RELIEF_LINE), tier=pl.lit(0), band=pl.lit(""), price=pl.lit(0), amount=-pl.col("amount"),
    )  # fmt: skip
    more = rows.select(LINES.names).to_arrow()
    coded = [
        more[name].combine_chunks().cast(pa.string()).dictionary_encode().cast(lines.schema.field(name).type)
        if name in {"kind", "band"} else more[name].cast(lines.schema.field(name).type)
        for name in LINES.names
    ]  # fmt: skip
    both = pa.concat_tables([lines.select(LINES.names), pa.table(coded, names=LINES.names)])
    order = np.argsort(np.concatenate([owner, given["point"].to_numpy()]), kind="stable")
    whole: pa.Table = both.unify_dictionaries().combine_chunks().take(pa.array(order))
    return whole


def grant_table(
    given: pl.DataFrame,
    *,
    batch_id: int,
    period: date,
    sequence: int = 0,
    carrier: pl.Expr | None = None,
    after: pl.Expr | None = None,
) -> pa.Table:
    """Return what bills gave (RELIEF) as grants of the standing batch, in order of bill.

    `carrier` is the number of the bill that carries it (the relieved one), `after` the last line number taken (0).
    """
    number = yymm(period) * PERIOD_FACTOR + pl.col("point") * 10 + sequence
    on_bill = (pl.col("amount") != 0) | (pl.col("vat") != 0)
    rows = given.with_columns(
        bill_id=number, batch_id=pl.lit(batch_id, pl.Int64), phase=pl.lit(IN_BILLS, pl.Int16),
        supply_point_id="point", month=pl.lit(period),
        adjusting_bill_id=pl.when(on_bill).then(carrier if carrier is not None else number),
        line_no=pl.int_range(1, pl.len() + 1).over("point") + (after if after is not None else 0),
    )  # fmt: skip
    return rows.select(reliefs.GRANT.names).to_arrow().cast(reliefs.GRANT)


def funded(given: pl.DataFrame, books: pl.DataFrame, accounts: Mapping[str, int]) -> pl.DataFrame:
    """Return book_id, account_id and amount (đồng) of what accounts other than revenue bear; `books` by point."""
    borne = given.filter(pl.col("programme").cast(pl.String).is_in(list(accounts)))
    if borne.is_empty():
        return pl.DataFrame(schema={"book_id": pl.Int64, "account_id": pl.Int64, "amount": pl.Int64})
    account = pl.col("programme").cast(pl.String).replace_strict(accounts, return_dtype=pl.Int64)
    rows = borne.with_columns(account_id=account).join(books, on="point", how="left", maintain_order="left")
    return rows.group_by("book_id", "account_id").agg(pl.col("amount").sum()).sort("book_id", "account_id")


def funded_entries(borne: pl.DataFrame, journals: Mapping[int, int], *, revenue: int) -> pa.Table | None:
    """Return ledger entries that move what other accounts bear from revenue to them; None when there is nothing."""
    rows = borne.filter(pl.col("amount") != 0)
    if rows.is_empty():
        return None
    journal = pl.col("book_id").replace_strict(journals, return_dtype=pl.Int64)
    parts = [
        rows.select(journal_id=journal, account_id=account, amount=pl.col("amount") * sign,
                    document=pl.lit(None, pl.Int64))
        for account, sign in ((pl.col("account_id"), 1), (pl.lit(revenue, pl.Int64), -1))
    ]  # fmt: skip
    sums = (
        pl.concat(parts).group_by("journal_id", "account_id", maintain_order=True).agg(pl.col("amount").sum())
    )
    return sums.select("journal_id", "account_id", "amount", document=pl.lit(None, pl.Int64)).to_arrow()
