"""One relief programme from its file."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from thapsang.engines.policies import CONFIDENCES, Doubt, Field, References, Words, words
from thapsang.engines.rating import TariffBook
from thapsang.engines.relief.book import (
    DAYS,
    Benefit,
    Funding,
    Group,
    Known,
    Listing,
    Programme,
    Rule,
    Threshold,
    Validity,
)

_HEAD = ("kind", "code", "name", "basis", "valid", "stack", "funding", "rules")
_PARTS = ("basis", "valid", "who", "threshold", "what", "rounding", "stack", "funding")
_APART = ("stack", "funding")
"""Doubts about the programme as a whole: they stand there, not at the reference of every line."""
_WHO = ("categories", "voltages", "uses", "not_uses", "lists", "not_lists")
_SCALES = ("days", "households")
_KWH = 1_000_000
_SHAPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "percent-off-bill": (("kind", "percent", "rounding"), ()),
    "percent-off-prices": (("kind", "percent", "rounding"), ("tiers",)),
    "price-list": (("kind", "category"), ()),
    "free": (("kind",), ()),
    "cash": (("kind", "kwh", "category", "tier", "scaled_by"), ()),
}
_ROUNDING = {
    "percent-off-bill": ("amount-half-up",),
    "percent-off-prices": ("reduced-price-half-up", "amount-half-up"),
}


class Sources(Protocol):
    """What a programme's reader needs of the folder it stands in."""

    tariffs: TariffBook
    references: References
    uses: dict[str, Known]
    lists: dict[str, Known]

    def doubt(self, field: Field) -> Doubt:
        """Return the doubt a field names."""


def read_programme(root: Field, sources: Sources) -> Programme:
    """Read one `kind: programme` file; raises PolicyError."""
    return _ProgrammeReader(root, sources).programme()


class _ProgrammeReader:
    def __init__(self, root: Field, sources: Sources) -> None:
        self.sources = sources
        self.fields = root.mapping(_HEAD, ("doubts",))
        self.code = self.fields["code"].text()
        self.doubts = self._doubts(self.fields)
        self.valid = self._validity(self.fields["valid"])

    def programme(self) -> Programme:
        stack = self.fields["stack"].mapping(("order", "base"), ("excludes",))
        funding = self.fields["funding"].mapping(("source", "vi", "en"), ("account",))
        return Programme(
            code=self.code,
            name=words(self.fields["name"]),
            valid=self.valid,
            order=stack["order"].integer(1, 10_000, "a place in the stacking order"),
            base=stack["base"].choice(("rest", "bill")),
            excludes=tuple(item.text() for item in stack["excludes"].items()) if "excludes" in stack else (),
            funding=Funding(
                funding["source"].choice(("utility", "state")),
                Words(funding["vi"].text(), funding["en"].text()),
                _account(funding["account"]) if "account" in funding else "",
            ),
            rules=self._rules(),
            doubts=self.doubts,
        )

    def _doubts(self, fields: dict[str, Field]) -> dict[str, Doubt]:
        if "doubts" not in fields:
            return {}
        named = fields["doubts"].mapping((), _PARTS)
        return {part: self.sources.doubt(named[part]) for part in _PARTS if part in named}

    def _validity(self, field: Field) -> Validity:
        fields = field.mapping(("by", "from"), ("until",))
        by = fields["by"].choice(("use", "last-billed-day", "bill-month", "invoice-date"))
        start = fields["from"].day()
        end = fields["until"].day() if "until" in fields else None
        for name, day in (("from", start), ("until", end)):
            if by == "bill-month" and day is not None and day.day != 1:
                fields[name].fail(f"{day} is not the first of a month.", "Bill months start on the first.")
        if end is not None and end <= start:
            fields["until"].fail(f"{end} is not after from ({start}).", "`until` is exclusive.")
        return Validity(by, start, end)

    def _rules(self) -> tuple[Rule, ...]:
        read: list[Rule] = []
        for entry in self.fields["rules"].items():
            rule = self._rule(entry)
            if rule.code in {other.code for other in read}:
                entry.child("code", None).fail(f"{rule.code!r} is listed twice.", "Keep one of the two.")
            read.append(rule)
        return tuple(read)

    def _rule(self, entry: Field) -> Rule:
        fields = entry.mapping(
            ("code", "name", "article", "who", "what", "source"),
            ("basis", "valid", "threshold", "applied", "doubts"),
        )
        doubts = self._doubts(fields)
        applied = fields["applied"].boolean() if "applied" in fields else True
        if not applied and not doubts:
            fields["applied"].fail("a rule that is not applied must say why.", "Add `doubts:` to the rule.")
        who = self._who(fields["who"])
        return Rule(
            code=fields["code"].text(),
            name=words(fields["name"]),
            valid=self._validity(fields["valid"]) if "valid" in fields else self.valid,
            who=who,
            threshold=self._threshold(fields["threshold"]) if "threshold" in fields else None,
            what=self._what(fields["what"], fields["who"], who),
            reference=self._reference(fields, doubts),
            source=fields["source"].text(),
            applied=applied,
            doubts={**self.doubts, **doubts},
        )

    def _reference(self, fields: dict[str, Field], doubts: dict[str, Doubt]) -> int:
        basis = fields.get("basis", self.fields["basis"]).mapping(("code", "document", "signed"))
        both = (*self.doubts.items(), *doubts.items())
        return self.sources.references.number(
            basis["code"].text(),
            words(basis["document"]),
            words(fields["article"]),
            basis["signed"].day(),
            combined([d for part, d in both if part not in _APART]),
        )

    def _who(self, field: Field) -> tuple[Group, ...]:
        entries = field.items() if isinstance(field.value, list) else [field]
        return tuple(self._group(entry) for entry in entries)

    def _group(self, field: Field) -> Group:
        fields = field.mapping((), _WHO)
        if not fields:
            field.fail("nobody is named.", f"Give at least one of: {', '.join(_WHO)}.")
        known = {
            "categories": tuple(self.sources.tariffs.categories),
            "voltages": tuple(self.sources.tariffs.voltages),
            "uses": tuple(self.sources.uses),
            "not_uses": tuple(self.sources.uses),
        }
        chosen = {
            name: tuple(item.choice(options) for item in fields[name].items())
            for name, options in known.items()
            if name in fields
        }
        listed = {name: self._listings(fields[name]) for name in ("lists", "not_lists") if name in fields}
        return Group(**chosen, **listed)  # type: ignore[arg-type]

    def _listings(self, field: Field) -> tuple[Listing, ...]:
        found = []
        for code, entry in sorted(field.entries()):
            if code not in self.sources.lists:
                entry.fail(
                    "unknown list.",
                    f"Use one of: {', '.join(self.sources.lists)}; or add it to the vocabulary.",
                )
            found.append(Listing(code, _day(entry)))
        return tuple(found)

    def _threshold(self, field: Field) -> Threshold:
        if isinstance(field.value, dict) and "scaled_by" not in field.value:
            field.child("scaled_by", None).fail(
                "a threshold without a scaling rule.",
                "Add `scaled_by: [days, households]`, one of the two, or `scaled_by: none`.",
            )
        fields = field.mapping(("scaled_by",), ("above", "up_to"))
        above, up_to = (
            fields[name].integer(0, _KWH, "a number of kWh a month") if name in fields else None
            for name in ("above", "up_to")
        )
        if above is None and up_to is None:
            field.fail("no limit is given.", "Add `up_to:` or `above:`, or leave the threshold out.")
        if above is not None and up_to is not None and up_to <= above:
            fields["up_to"].fail(f"{up_to} is not more than above ({above}).", "Nobody would reach it.")
        return Threshold(above, up_to, _scales(fields["scaled_by"]))

    def _what(self, field: Field, who_field: Field, who: tuple[Group, ...]) -> Benefit:
        named = field.value.get("kind") if isinstance(field.value, dict) else None
        kind = field.child("kind", named).choice(tuple(_SHAPES))
        fields = field.mapping(*_SHAPES[kind])
        if kind == "price-list" and not all(group.categories for group in who):
            who_field.child("categories", None).fail(
                "missing.", "Name the categories that are moved to another price list."
            )
        return Benefit(
            kind=kind,
            percent=fields["percent"].integer(1, 100, "a percentage") if "percent" in fields else 0,
            rounding=fields["rounding"].choice(_ROUNDING[kind]) if "rounding" in fields else "amount-half-up",
            tiers=tuple(item.integer(1, 20, "a tier") for item in fields["tiers"].items())
            if "tiers" in fields
            else (),
            category=fields["category"].choice(tuple(self.sources.tariffs.categories))
            if "category" in fields
            else "",
            kwh=fields["kwh"].integer(1, _KWH, "a number of kWh a month") if "kwh" in fields else 0,
            tier=self._tier(fields) if "tier" in fields else 0,
            scaled_by=_scales(fields["scaled_by"]) if "scaled_by" in fields else (),
        )

    def _tier(self, fields: dict[str, Field]) -> int:
        """Return the tier of a cash sum; every decision must price it."""
        category = fields["category"].choice(tuple(self.sources.tariffs.categories))
        voltage = next(iter(self.sources.tariffs.voltages))
        found = [edition.tariffs.get((category, voltage)) for edition in self.sources.tariffs.editions]
        if not all(tariff and tariff.rule == "tiers" for tariff in found):
            fields["category"].fail(f"{category} has no tiers in every decision.", "Name one that has.")
        fewest = min(len(tariff.prices) for tariff in found if tariff)
        return fields["tier"].integer(1, fewest, "a tier of that category in every decision")


def _account(field: Field) -> str:
    number = field.text()
    if not number.isdigit() or len(number) > 6:
        field.fail(f"{number!r} is no number of the chart of accounts.", 'Write it like "1388".')
    return number


def _scales(field: Field) -> tuple[str, ...]:
    if field.value == "none":
        return ()
    return tuple(item.choice(_SCALES) for item in field.items())


def _day(field: Field) -> date | str:
    if field.value in DAYS:
        return str(field.value)
    try:
        return date.fromisoformat(field.value)
    except (TypeError, ValueError):
        field.fail(
            f"{field.value!r} is no day.", f"Write a date as YYYY-MM-DD, or one of: {', '.join(DAYS)}."
        )


def combined(doubts: list[Doubt]) -> Doubt | None:
    """Return several doubts as one: their sentences after each other, the least sure confidence."""
    unique = list({doubt.code: doubt for doubt in doubts}.values())
    if not unique:
        return None
    return Doubt(
        code="+".join(doubt.code for doubt in unique),
        confidence=max((doubt.confidence for doubt in unique), key=CONFIDENCES.index),
        words=Words(" ".join(d.words.vi for d in unique), " ".join(d.words.en for d in unique)),
    )
