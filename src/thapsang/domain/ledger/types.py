"""What the ledger hands out and raises."""

from __future__ import annotations

from dataclasses import dataclass


class LedgerError(ValueError):
    """A posting that cannot be made; the message names the field and the remedy."""


class UnbalancedError(LedgerError):
    """The entries of a posting do not sum to zero, are fewer than two, or hold a zero."""


class AlreadyPostedError(LedgerError):
    """A journal with this reference exists; nothing was written."""


class UnknownAccountError(LedgerError):
    """No account has this code."""


@dataclass(frozen=True)
class TrialLine:
    """The sums of one number of the chart of accounts, in đồng; `credit` is given as a positive amount."""

    chart: str
    entries: int
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        """Debit minus credit."""
        return self.debit - self.credit
