"""From policy files to a `TariffBook`, refusing anything that is not exactly right."""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from thapsang.engines.policies import (
    Content,
    Doubt,
    Field,
    PolicyError,
    References,
    Words,
    fingerprint,
    read_doubts,
    read_folder,
    words,
)
from thapsang.engines.rating.book import (
    Category,
    Edition,
    NamedRule,
    Pending,
    Reactive,
    TariffBook,
    TimeBands,
    VatPeriod,
)
from thapsang.engines.rating.prices import read_edition

RULES = {
    "tier_scaling": ("calendar-days-of-first-month",),
    "apportioning": ("days-half-up",),
    "vat_date": ("last-billed-day",),
    "rounding": ("half-up-to-one-dong",),
    "tenants": ("quarters-or-tier-3",),
}
"""The computing rules the kernel knows, by the name a policy file may choose."""

Dated = TypeVar("Dated", Edition, VatPeriod)

_KINDS = ("categories", "doubts", "vat", "rules", "prices", "pending")
_ONCE = ("categories", "doubts", "vat", "rules")


def load_book(folder: Path) -> TariffBook:
    """Read `policies/<distributor>/tariffs/` into a checked book.

    Raises PolicyError naming the file, the key, what is wrong and how to mend it.
    """
    return book_from_content(read_folder(folder, "tariff"))


def book_from_content(content: Content) -> TariffBook:
    """Build a book from parsed content, as kept with a policy version; raises PolicyError."""
    return _Reader(content).book()


class _Reader:
    """Reads the files of one book in the order they need each other."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.references = References()
        self.files = self._by_kind()
        self.doubts: dict[str, Doubt] = {}

    def _by_kind(self) -> dict[str, list[Field]]:
        found: dict[str, list[Field]] = {kind: [] for kind in _KINDS}
        for file, value in self.content.items():
            root = Field(file, "", value)
            if not isinstance(value, dict):
                root.fail("this is not a mapping.", f"Start it with `kind:` one of {', '.join(_KINDS)}.")
            found[root.child("kind", value.get("kind")).choice(_KINDS)].append(root)
        for kind in (*_ONCE, "prices"):
            if not found[kind]:
                raise PolicyError(
                    self._folder(), "", f"no file of kind {kind!r}.", f"Add one with `kind: {kind}`."
                )
        for kind in _ONCE:
            for extra in found[kind][1:]:
                extra.child("kind", kind).fail(
                    "a second file of this kind.", f"Keep one; the first is {found[kind][0].file}."
                )
        return found

    def _folder(self) -> str:
        return next(iter(self.content)).rsplit("/", 1)[0]

    def book(self) -> TariffBook:
        self.doubts = read_doubts(self.files["doubts"][0])
        voltages, categories = self._catalogue()
        editions = [
            read_edition(root, self.doubt, self.references.number, categories, tuple(voltages))
            for root in self.files["prices"]
        ]
        rules, reactive, time_bands = self._rules()
        return TariffBook(
            distributor=self._folder().split("/", 1)[0],
            content=self.content,
            sha256=fingerprint(self.content),
            voltages=voltages,
            categories=categories,
            editions=_seamless(editions, "prices"),
            vat=self._vat(),
            rules=rules,
            reactive=reactive,
            time_bands=time_bands,
            pending=tuple(self._pending(root) for root in self.files["pending"]),
            references=tuple(self.references.all),
        )

    def doubt(self, field: Field | None) -> Doubt | None:
        """Return the doubt a field names; an unnamed one is refused."""
        return self.doubts[field.choice(tuple(self.doubts))] if field else None

    def _catalogue(self) -> tuple[dict[str, Words], dict[str, Category]]:
        root = self.files["categories"][0].mapping(("kind", "voltages", "categories"))
        voltages: dict[str, Words] = {}
        for entry in root["voltages"].items():
            fields = entry.mapping(("code", "vi", "en"))
            code = _new(fields["code"], voltages)
            voltages[code] = Words(fields["vi"].text(), fields["en"].text())
        categories: dict[str, Category] = {}
        for entry in root["categories"].items():
            fields = entry.mapping(("code", "name", "article"))
            code = _new(fields["code"], categories)
            categories[code] = Category(code, words(fields["name"]), words(fields["article"]))
        return voltages, categories

    def _vat(self) -> tuple[VatPeriod, ...]:
        root = self.files["vat"][0].mapping(("kind", "periods"))
        found: list[tuple[Field, VatPeriod]] = []
        for entry in root["periods"].items():
            fields = entry.mapping(
                ("from", "until", "basis_points", "code", "document", "signed"), ("doubt",)
            )
            doubt = self.doubt(fields.get("doubt"))
            reference = self.references.number(
                fields["code"].text(), words(fields["document"]), Words("", ""), fields["signed"].day(), doubt
            )
            rate = fields["basis_points"].integer(0, 2_000, "a VAT rate in basis points (800 is 8 %)")
            found.append((entry, VatPeriod(fields["from"].day(), fields["until"].day(), rate, reference)))
        return _seamless(found, "VAT periods")

    def _rules(self) -> tuple[dict[str, NamedRule], Reactive, tuple[TimeBands, ...]]:
        root = self.files["rules"][0].mapping(("kind", "rules", "reactive", "time_bands"))
        fields = root["rules"].mapping(tuple(RULES))
        rules = {name: self._rule(name, fields[name]) for name in RULES}
        bands = tuple(self._time_bands(entry) for entry in root["time_bands"].items())
        return rules, self._reactive(root["reactive"]), bands

    def _legal(self, fields: dict[str, Field]) -> int:
        return self.references.number(
            fields["code"].text(),
            words(fields["document"]),
            words(fields["article"]) if "article" in fields else Words("", ""),
            fields["signed"].day(),
            self.doubt(fields.get("doubt")),
        )

    def _rule(self, name: str, field: Field) -> NamedRule:
        fields = field.mapping(("name", "vi", "en", "code", "document", "signed"), ("article", "doubt"))
        chosen = fields["name"].choice(RULES[name])
        return NamedRule(chosen, Words(fields["vi"].text(), fields["en"].text()), self._legal(fields))

    def _reactive(self, field: Field) -> Reactive:
        fields = field.mapping(
            ("free_from", "lowest", "below_lowest", "code", "document", "signed"), ("article", "doubt")
        )
        free_from = fields["free_from"].integer(2, 100, "a power factor in hundredths")
        return Reactive(
            free_from=free_from,
            lowest=fields["lowest"].integer(1, free_from - 1, "a power factor in hundredths below free_from"),
            below_lowest=fields["below_lowest"].integer(1, 10_000, "a k in hundredths of a percent"),
            reference=self._legal(fields),
        )

    def _time_bands(self, field: Field) -> TimeBands:
        fields = field.mapping(("code", "from", "applied", "document", "peak", "offpeak", "note"), ("doubt",))
        return TimeBands(
            code=fields["code"].text(),
            start=fields["from"].day(),
            applied=fields["applied"].boolean(),
            document=words(fields["document"]),
            doubt=self.doubt(fields.get("doubt")),
            peak=tuple(item.text() for item in fields["peak"].items()),
            offpeak=tuple(item.text() for item in fields["offpeak"].items()),
            note=words(fields["note"]),
        )

    def _pending(self, root: Field) -> Pending:
        fields = root.mapping(("kind", "code", "document", "signed", "in_force", "note"), ("doubt", "tiers"))
        tiers: list[tuple[int | None, int]] = []
        for entry in fields["tiers"].items() if "tiers" in fields else []:
            tier = entry.mapping(("percent",), ("width",))
            width = tier["width"].integer(1, 100_000, "a width in kWh") if "width" in tier else None
            tiers.append((width, tier["percent"].integer(1, 1_000, "a percentage")))
        return Pending(
            code=fields["code"].text(),
            document=words(fields["document"]),
            note=words(fields["note"]),
            signed=fields["signed"].day(),
            in_force=fields["in_force"].day(),
            doubt=self.doubt(fields.get("doubt")),
            tiers=tuple(tiers),
        )


def _new(field: Field, known: Container[str]) -> str:
    """Return a code that is not known yet."""
    if field.text() in known:
        field.fail(f"{field.text()!r} is listed twice.", "Keep one of the two.")
    return field.text()


def _seamless(found: list[tuple[Field, Dated]], what: str) -> tuple[Dated, ...]:
    """Return dated entries in order of their start; an empty one, an overlap or a gap is refused."""
    ordered = sorted(found, key=lambda pair: pair[1].start)
    for field, item in ordered:
        if item.end is not None and item.end <= item.start:
            field.child("until", None).fail(
                f"{item.end} is not after from ({item.start}).", "`until` is exclusive."
            )
    for (_, before), (field, item) in pairwise(ordered):
        if before.end is None or before.end > item.start:
            field.child("from", None).fail(
                f"overlaps the {what} from {before.start} until {before.end or 'further notice'}.",
                f"Set that one's `until` to {item.start}.",
            )
        if before.end < item.start:
            field.child("from", None).fail(
                f"leaves a gap: no {what} from {before.end} to {item.start}.",
                "Close it, or add what held then.",
            )
    return tuple(item for _, item in ordered)
