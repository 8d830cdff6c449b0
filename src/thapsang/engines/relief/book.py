"""Relief programmes: who gets what, when, on which legal basis, and how sure each part is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from thapsang.engines.policies import Content, Doubt, Reference, Words

DAYS = ("last-billed-day", "any-billed-day")
"""The days a list can be asked about besides a fixed date."""


@dataclass(frozen=True)
class Validity:
    """When a rule holds: [start, end), `end` None until further notice.

    `by` is `use` (days of use; a bill partly inside gets its share by days, half-up), `last-billed-day`,
    `bill-month` (the month the bill is of, as the resolution counts it) or `invoice-date`.
    """

    by: str
    start: date
    end: date | None


@dataclass(frozen=True)
class Listing:
    """A list of the vocabulary, and the day one must stand on it: a date, or one of DAYS."""

    code: str
    day: date | str


@dataclass(frozen=True)
class Group:
    """Conditions that must all hold; an empty one asks nothing. Of `lists` one suffices, of `not_lists` none may."""

    categories: tuple[str, ...] = ()
    voltages: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    not_uses: tuple[str, ...] = ()
    lists: tuple[Listing, ...] = ()
    not_lists: tuple[Listing, ...] = ()


@dataclass(frozen=True)
class Threshold:
    """Monthly kWh: more than `above`, at most `up_to`; grown by days and households like a tier when named."""

    above: int | None
    up_to: int | None
    scaled_by: tuple[str, ...]


@dataclass(frozen=True)
class Benefit:
    """What is given. `kind`: percent-off-bill, percent-off-prices, price-list, free or cash.

    `percent` and `tiers` (empty: every kWh) belong to the percentages, `category` to price-list and cash,
    `kwh` and `tier` to cash: the State pays that many kWh at that tier's price, not on the bill.
    """

    kind: str
    percent: int = 0
    tiers: tuple[int, ...] = ()
    rounding: str = "amount-half-up"
    category: str = ""
    kwh: int = 0
    tier: int = 0
    scaled_by: tuple[str, ...] = ()

    @property
    def on_bill(self) -> bool:
        """Whether it is taken off the bill; else the State pays it apart."""
        return self.kind != "cash"


@dataclass(frozen=True)
class Rule:
    """One rule of a programme. `applied` False: known, too doubtful to grant, shown with its doubt."""

    code: str
    name: Words
    valid: Validity
    who: tuple[Group, ...]
    threshold: Threshold | None
    what: Benefit
    reference: int
    source: str
    applied: bool
    doubts: dict[str, Doubt]


@dataclass(frozen=True)
class Funding:
    """Who bears the relief: `utility` or `state`.

    `account` is the number of the chart of accounts that bears it; empty: it is taken off revenue.
    """

    source: str
    words: Words
    account: str = ""


@dataclass(frozen=True)
class Programme:
    """A programme: per bill the first of its rules that holds is granted.

    Programmes are taken in ascending `order`; a percentage is of what is left (`base` rest) or of the bill as
    rated (`base` bill). Of two that exclude each other the one earlier in order wins.
    """

    code: str
    name: Words
    valid: Validity
    order: int
    base: str
    excludes: tuple[str, ...]
    funding: Funding
    rules: tuple[Rule, ...]
    doubts: dict[str, Doubt]


@dataclass(frozen=True)
class Known:
    """A word of the vocabulary: a use of premises, or a list (`scope` point or area)."""

    code: str
    words: Words
    scope: str = ""


@dataclass(frozen=True)
class ReliefBook:
    """Every programme of one distributor, in stacking order; made by `load_reliefs`."""

    distributor: str
    content: Content
    sha256: str
    references: tuple[Reference, ...]
    uses: dict[str, Known]
    lists: dict[str, Known]
    programmes: tuple[Programme, ...]

    def reference(self, number: int) -> Reference:
        """Return a reference by its number; raises LookupError naming the numbers there are."""
        if not 1 <= number <= len(self.references):
            raise LookupError(f"These reliefs have references 1 to {len(self.references)}, not {number}.")
        return self.references[number - 1]

    def barred_by(self, code: str) -> frozenset[str]:
        """Return the programmes that cannot be had together with this one, whichever of them says so."""
        own = {e for p in self.programmes if p.code == code for e in p.excludes}
        return frozenset(own | {p.code for p in self.programmes if code in p.excludes})
