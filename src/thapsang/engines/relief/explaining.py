"""Why one point got or did not get a relief: rule by rule, true or false, with the values used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from thapsang.engines.policies import Doubt, Reference
from thapsang.engines.rating import TERMS, USAGE, TariffBook
from thapsang.engines.rating.columns import checked
from thapsang.engines.relief.batch import Verdict, relieve_blocks
from thapsang.engines.relief.book import ReliefBook, Rule
from thapsang.engines.relief.columns import EVIDENCE, FACTS
from thapsang.engines.relief.conditions import conditions


@dataclass(frozen=True)
class Finding:
    """One condition: whether it holds, what the rule wants and the value it met. `group`: see Condition."""

    name: str
    group: int
    holds: bool
    wanted: str
    value: str


@dataclass(frozen=True)
class RuleFinding:
    """How one rule met the point. `amount` in đồng before VAT, 0 when not granted."""

    programme: str
    rule: str
    granted: bool
    kwh: int
    amount: int
    on_bill: bool
    findings: tuple[Finding, ...]
    reference: Reference
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True)
class Why:
    """The answer for one point: every rule of every programme, in stacking order, and the problems met."""

    point: int
    rules: tuple[RuleFinding, ...]
    problems: tuple[str, ...]


def why(
    book: TariffBook,
    reliefs: ReliefBook,
    usage: pa.Table,
    terms: pa.Table,
    facts: pa.Table,
    evidence: pa.Table,
    *,
    point: int,
    bill_month: date,
    invoice_date: date,
) -> Why:
    """Explain the reliefs of one point: the same kernel as `relieve` over a table of one point.

    Takes the tables of `relieve`. A point that cannot be rated has no rules, only the codes of its problems.
    """
    seen: list[Verdict] = []
    evidence, _ = checked(evidence, EVIDENCE, "evidence")
    owner = evidence["point"]
    blocks = relieve_blocks(
        book,
        reliefs,
        _only(checked(usage, USAGE, "usage")[0], point),
        _only(checked(terms, TERMS, "terms")[0], point),
        _only(checked(facts, FACTS, "facts")[0], point),
        evidence.filter(pc.or_(pc.is_null(owner), pc.equal(owner, point).fill_null(False))),
        bill_month=bill_month,
        invoice_date=invoice_date,
        observer=seen.append,
    )
    problems = tuple(code for _, _, found in blocks for code in found["code"].to_pylist())
    return Why(point, tuple(_finding(verdict, reliefs) for verdict in seen), problems)


def _only(table: pa.Table, point: int) -> pa.Table:
    return table.filter(pc.equal(table["point"], point))


def _finding(verdict: Verdict, reliefs: ReliefBook) -> RuleFinding:
    rule = verdict.rule
    met = [
        Finding(c.name, c.group, bool(c.holds[0]), c.wanted, c.value(0)) for c in conditions(rule, verdict.at)
    ]
    amount = int(verdict.amount[0])
    return RuleFinding(
        programme=verdict.programme.code,
        rule=rule.code,
        granted=amount > 0,
        kwh=int(verdict.kwh[0]),
        amount=amount,
        on_bill=rule.what.on_bill,
        findings=(*met, *_order(verdict, reliefs), _applied(rule)),
        reference=reliefs.reference(rule.reference),
        doubts=tuple(rule.doubts.values()),
    )


def _order(verdict: Verdict, reliefs: ReliefBook) -> tuple[Finding, Finding]:
    """Tell of the stacking: the first rule of a programme that holds, and no programme that bars it."""
    earlier, barred = bool(verdict.earlier[0]), bool(verdict.barred[0])
    bars = ", ".join(sorted(reliefs.barred_by(verdict.programme.code))) or "no programme"
    return (
        Finding(
            "first-of-programme",
            0,
            not earlier,
            "no earlier rule granted",
            "one is" if earlier else "none is",
        ),
        Finding("not-barred", 0, not barred, f"not together with {bars}", "barred" if barred else "free"),
    )


def _applied(rule: Rule) -> Finding:
    return Finding(
        "applied", 0, rule.applied, "in use", "in use" if rule.applied else "too doubtful to grant"
    )
