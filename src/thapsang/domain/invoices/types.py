"""Numbers, views, policy, ports and errors of e-invoices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from thapsang.engines.einvoice import Seller, Signer

LAST_COPY = 9
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of look-up codes: 32 signs, none that is read as another."""
CODE_LENGTH = 12
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V", "-": "", " ": "", ".": ""})
STATUSES = ("numbered", "signed", "sent", "accepted", "rejected", "unanswered")


class InvoicesError(ValueError):
    """Something asked of invoices cannot be done; the message says what, and what to do instead."""


class InvoicePolicyError(InvoicesError):
    """A file under policies/<distributor>/invoices is wrong; the message names file, key and remedy."""


class SeriesError(InvoicesError):
    """A series is closed, used up, or ahead of the day of issue."""


class UnknownInvoiceError(InvoicesError):
    """No invoice has this number or code."""


class CannotReplaceError(InvoicesError):
    """The invoice was not rejected, or is replaced already."""


class NoKeyError(InvoicesError):
    """No signing key is plugged in, or it does not open; the message says which setting names it."""


class AuthorityUnreachableError(RuntimeError):
    """The tax authority's service does not answer or is overloaded: worth another try."""


class AuthorityRefusedError(RuntimeError):
    """The tax authority's service refused a message as a whole, and would refuse it again."""


class KeyOpener(Protocol):
    """Opens the seller's signing key, once in each process that signs."""

    def __call__(self) -> Signer:
        """Return the opened key; raises NoKeyError or the engine's KeyFileError."""
        ...


class UnknownMessageError(RuntimeError):
    """The tax authority's service has no message of this code: send it again."""


@dataclass(frozen=True)
class Answer:
    """What the authority decided about one invoice: a code, or a reason."""

    form: str
    series: str
    number: int
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Answered:
    """An answer to a message: the decisions, and the hash of the bytes they came in."""

    answers: tuple[Answer, ...]
    sha256: bytes


class TaxAuthority(Protocol):
    """Where invoices are handed over. Served by an adapter chosen in config."""

    def deliver(self, *, code: str, envelope: bytes) -> None:
        """Hand a message over; the same code again is the same message.

        Raises AuthorityUnreachableError when another try may help, AuthorityRefusedError when it will not.
        """
        ...

    def answer(self, *, code: str) -> Answered | None:
        """Return the answer to a message, None while there is none.

        Raises as `deliver`, and UnknownMessageError when the message is not known.
        """
        ...

    def day(self, *, day: date) -> Mapping[str, str]:
        """Return what the authority received on a day: invoice (1C26TNA-75757) → accepted, rejected or waiting.

        Raises as `deliver`.
        """
        ...


@dataclass(frozen=True)
class SeriesRule:
    """Which series a day's invoices stand in."""

    form: str
    letters: str
    kind: str
    coded: bool
    title: str
    payment_method: str
    provider_tax_code: str

    def code(self, day: date) -> str:
        """Return KHHDon for a day: C26TNA."""
        return f"{'C' if self.coded else 'K'}{day.year % 100:02d}{self.kind}{self.letters}"


@dataclass(frozen=True)
class AuthorityRule:
    """How messages are made and how long answers are waited for."""

    sender: str
    receiver: str
    kind: str
    invoices_a_message: int
    first_pause: timedelta
    longest_pause: timedelta
    tries: int
    answer_time: timedelta

    def pause(self, tries: int) -> timedelta:
        """Return how long to wait after so many tries: three times as long each time."""
        return min(self.longest_pause, self.first_pause * int(3 ** min(max(tries - 1, 0), 12)))


@dataclass(frozen=True)
class Policy:
    """The policy of e-invoices: seller, series, authority, words."""

    seller: Seller
    invented: bool
    series: tuple[tuple[date, date | None, SeriesRule], ...]
    authority: tuple[tuple[date, date | None, AuthorityRule], ...]
    key_notices: tuple[int, ...]
    words: Mapping[str, Any]

    def series_on(self, day: date) -> SeriesRule:
        """Return the rule of a day; raise InvoicePolicyError when none holds."""
        found: SeriesRule = _on(self.series, day, "series.yaml: series")
        return found

    def authority_on(self, day: date) -> AuthorityRule:
        """Return the rule of a day; raise InvoicePolicyError when none holds."""
        found: AuthorityRule = _on(self.authority, day, "authority.yaml: handing_over")
        return found


def _on(entries: tuple[tuple[date, date | None, Any], ...], day: date, where: str) -> Any:
    for start, until, rule in entries:
        if start <= day and (until is None or day < until):
            return rule
    raise InvoicePolicyError(f"{where}: no entry holds on {day}: add one that begins before it.")


@dataclass(frozen=True)
class InvoiceView:
    """One invoice; amounts in đồng."""

    id: int
    form: str
    series: str
    number: int
    bill_id: int
    customer_id: int
    issued_on: date
    net: int
    vat: int
    total: int
    look_up_code: str
    status: str
    relation: int | None
    relates_to: int | None
    reason: str
    signed_at: datetime | None
    sha256: bytes | None
    pack_sha256: str
    position: int | None
    size: int | None
    authority_code: str
    rejection: str

    @property
    def name(self) -> str:
        """Form, series and number as people write them: 1C26TNA-75757."""
        return f"{self.form}{self.series}-{self.number}"


@dataclass(frozen=True)
class EventView:
    """One step of an invoice."""

    step: int
    kind: str
    at: datetime
    message: str
    detail: str


@dataclass(frozen=True)
class BatchProgress:
    """How far the invoices of a month are."""

    period: date
    status: str
    books: int
    books_done: int
    books_failed: int
    bills: int
    invoices: int
    obstacles: int
    total: int
    statuses: Mapping[str, int]
    started_at: datetime
    finished_at: datetime | None

    @property
    def percent(self) -> int:
        """Share of bills whose invoice is signed."""
        return 100 if self.status == "finished" else min(99, self.invoices * 100 // max(self.bills, 1))


@dataclass(frozen=True)
class ObstacleView:
    """A bill that has no invoice: why, and what to do."""

    bill_id: int
    element: str
    problem: str
    remedy: str
    found_at: datetime


@dataclass(frozen=True)
class PackView:
    """A zip of signed invoices."""

    id: int
    name: str
    sha256: str
    book: str
    invoices: int
    size: int
    made_at: datetime


def invoice_id(bill_id: int, copy: int = 0) -> int:
    """Return the number of a bill's invoice; raise InvoicesError for a copy over 9."""
    if not 0 <= copy <= LAST_COPY:
        raise InvoicesError(
            f"A bill has at most {LAST_COPY + 1} invoices; join what is left in a correcting bill."
        )
    return bill_id * 10 + copy


def read_look_up_code(text: str) -> str:
    """Return a look-up code as it is kept; O is read as 0, I and L as 1. Raises UnknownInvoiceError."""
    code = text.strip().upper().translate(_READ_AS)
    if not re.fullmatch(f"[{ALPHABET}]{{{CODE_LENGTH}}}", code):
        raise UnknownInvoiceError(
            f"A look-up code has {CODE_LENGTH} letters and digits, as in 7K2M-9QXT-4VBD; read it again."
        )
    return code


def shown_look_up_code(code: str) -> str:
    """Return a look-up code as people read it: 7K2M-9QXT-4VBD."""
    return f"{code[:4]}-{code[4:8]}-{code[8:]}"


@dataclass(frozen=True)
class DaySheet:
    """A day's reconciliation: what was sent on it, and what became of each (invoice keys)."""

    day: date
    sent: int
    accepted: int
    rejected: tuple[tuple[str, str], ...]
    unanswered: tuple[str, ...]
    waiting: tuple[str, ...]
    differences: tuple[tuple[str, str, str], ...]
    """Invoice, where it stands with us, where with the authority."""
    asked: bool
    """Whether the authority was asked as well."""

    @property
    def agrees(self) -> bool:
        """Sent = accepted + rejected + unanswered + waiting, and the authority says the same."""
        parts = self.accepted + len(self.rejected) + len(self.unanswered) + len(self.waiting)
        return parts == self.sent and not self.differences
