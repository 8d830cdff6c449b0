"""The ports config plugs adapters into: the seller's key, the tax authority."""

from __future__ import annotations

from thapsang.domain.invoices.types import KeyOpener, NoKeyError, TaxAuthority
from thapsang.engines.einvoice import Signer

_opener: list[KeyOpener] = []
_opened: list[Signer] = []
_authority: list[TaxAuthority] = []


def use_key(opener: KeyOpener) -> None:
    """Use this key from now on in this process."""
    _opener[:] = [opener]
    _opened.clear()


def signer() -> Signer:
    """Return the seller's key, opened once in this process. Raises NoKeyError, or KeyFileError of the engine."""
    if not _opened:
        if not _opener:
            raise NoKeyError("No signing key is plugged in: config/ports.py names the adapter.")
        _opened.append(_opener[0]())
    return _opened[0]


def use_authority(authority: TaxAuthority) -> None:
    """Hand invoices over to this service from now on in this process."""
    _authority[:] = [authority]


def authority() -> TaxAuthority:
    """Return the tax authority's service as config plugged it in."""
    return _authority[0]
