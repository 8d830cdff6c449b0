"""One price decision from its file."""

from __future__ import annotations

from collections.abc import Callable

from thapsang.engines.policies import Doubt, Field, Words
from thapsang.engines.rating.book import BANDS, Category, Edition, Tariff

MAX_PRICE = 100_000
"""đồng/kWh; with the engine's limit on energy it keeps every sum inside 64 bits."""

_HEAD = ("kind", "code", "document", "signed", "from", "average_price", "tiers", "prices")
_SHAPES = {
    "tiers": (("rule", "values"), ("doubt",)),
    "flat": (("rule",), ("price", "by_voltage", "doubt")),
    "bands": (("rule",), (*BANDS, "by_voltage", "doubt", "doubts")),
    "price-of-tier": (("rule", "of", "tier"), ("doubt",)),
}

ReadDoubt = Callable[[Field | None], Doubt | None]
Number = Callable[..., int]


def read_edition(
    root: Field, doubt: ReadDoubt, number: Number, categories: dict[str, Category], voltages: tuple[str, ...]
) -> tuple[Field, Edition]:
    """Read one `kind: prices` file; raises PolicyError."""
    return root, _EditionReader(root, doubt, number, categories, voltages).edition()


class _EditionReader:
    def __init__(
        self,
        root: Field,
        doubt: ReadDoubt,
        number: Number,
        categories: dict[str, Category],
        voltages: tuple[str, ...],
    ) -> None:
        self.fields = root.mapping(_HEAD, ("until",))
        self.doubt, self.number = doubt, number
        self.categories, self.voltages = categories, voltages
        document = self.fields["document"].mapping(("vi", "en"))
        self.document = Words(document["vi"].text(), document["en"].text())
        self.code, self.signed = self.fields["code"].text(), self.fields["signed"].day()
        self.widths = tuple(
            item.integer(1, 100_000, "a tier width in kWh a month") for item in self.fields["tiers"].items()
        )
        self.tariffs: dict[tuple[str, str], Tariff] = {}

    def edition(self) -> Edition:
        later = []
        for category, field in self.fields["prices"].entries():
            if category not in self.categories:
                known = ", ".join(self.categories)
                field.fail(
                    "unknown category.", f"Use one of {known}, or add it to the file of kind categories."
                )
            rule = field.child("rule", _rule_of(field)).choice(tuple(_SHAPES))
            later.append((category, rule, field, field.mapping(*_SHAPES[rule])))
        # In the catalogue's order, whatever the file's: a database may hand the keys back in another one,
        # and the numbers of references must not change.
        order = list(self.categories)
        for category, rule, field, entry in sorted(later, key=lambda item: order.index(item[0])):
            if rule != "price-of-tier":
                getattr(self, f"_{rule}")(category, field, entry)
        for category, rule, field, entry in sorted(later, key=lambda item: order.index(item[0])):
            if rule == "price-of-tier":
                self._price_of_tier(category, field, entry)
        until = self.fields.get("until")
        return Edition(
            code=self.code,
            document=self.document,
            signed=self.signed,
            tariffs=self.tariffs,
            start=self.fields["from"].day(),
            end=until.day() if until else None,
            average_price=self.fields["average_price"].text(),
        )

    def _reference(self, category: str, doubt: Doubt | None) -> int:
        return self.number(self.code, self.document, self.categories[category].article, self.signed, doubt)

    def _everywhere(self, category: str, tariff: Tariff) -> None:
        self.tariffs.update({(category, voltage): tariff for voltage in self.voltages})

    def _tiers(self, category: str, field: Field, entry: dict[str, Field]) -> None:
        prices = tuple(_price(item) for item in entry["values"].items())
        if len(prices) != len(self.widths) + 1:
            entry["values"].fail(
                f"{len(prices)} prices for {len(self.widths)} widths.",
                f"Give {len(self.widths) + 1}: one a width in `tiers`, and one for what is above.",
            )
        reference = self._reference(category, self.doubt(entry.get("doubt")))
        self._everywhere(category, Tariff("tiers", prices, (reference,) * len(prices), self.widths))

    def _price_of_tier(self, category: str, field: Field, entry: dict[str, Field]) -> None:
        source = self.tariffs.get((entry["of"].text(), self.voltages[0]))
        if source is None or source.rule != "tiers":
            entry["of"].fail(
                f"{entry['of'].value!r} has no tiers in this file.", "Name a category with rule tiers."
            )
        tier = entry["tier"].integer(1, len(source.prices), "a tier of that category")
        reference = self._reference(category, self.doubt(entry.get("doubt")))
        self._everywhere(category, Tariff("flat", (source.prices[tier - 1],), (reference,), tier=tier))

    def _flat(self, category: str, field: Field, entry: dict[str, Field]) -> None:
        for place, fields in self._places(field, entry, ("price",), ()):
            reference = self._reference(category, self.doubt(fields.get("doubt")))
            self._put(category, place, Tariff("flat", (_price(fields["price"]),), (reference,)))

    def _bands(self, category: str, field: Field, entry: dict[str, Field]) -> None:
        for place, fields in self._places(field, entry, BANDS, ("doubts",)):
            one = fields["doubts"].mapping((), BANDS) if "doubts" in fields else {}
            doubts = [self.doubt(one.get(band, fields.get("doubt"))) for band in BANDS]
            references = tuple(self._reference(category, doubt) for doubt in doubts)
            self._put(
                category, place, Tariff("bands", tuple(_price(fields[band]) for band in BANDS), references)
            )

    def _places(
        self, field: Field, entry: dict[str, Field], values: tuple[str, ...], optional: tuple[str, ...]
    ) -> list[tuple[Field | None, dict[str, Field]]]:
        """Return (the voltages' field or None for all, the values' fields) of every row of a category."""
        if "by_voltage" not in entry:
            plain = Field(field.file, field.key, {k: v for k, v in field.value.items() if k != "rule"})
            return [(None, plain.mapping(values, (*optional, "doubt")))]
        for name in (*values, *optional):
            if name in entry:
                entry[name].fail("stands beside by_voltage.", "Move it into the rows of by_voltage.")
        rows = [
            row.mapping(("voltages", *values), (*optional, "doubt")) for row in entry["by_voltage"].items()
        ]
        common = {"doubt": entry["doubt"]} if "doubt" in entry else {}
        return [(row["voltages"], {**common, **row}) for row in rows]

    def _put(self, category: str, place: Field | None, tariff: Tariff) -> None:
        if place is None:
            return self._everywhere(category, tariff)
        for item in place.items():
            voltage = item.choice(self.voltages)
            if (category, voltage) in self.tariffs:
                item.fail(f"{voltage} is priced twice for {category}.", "Keep one row for each voltage.")
            self.tariffs[category, voltage] = tariff
        return None


def _rule_of(field: Field) -> object:
    return field.value.get("rule") if isinstance(field.value, dict) else None


def _price(field: Field) -> int:
    return field.integer(1, MAX_PRICE, "a price in whole đồng per kWh")
