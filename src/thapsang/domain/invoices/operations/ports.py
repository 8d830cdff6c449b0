"""The seller's key and the tax authority: as the settings name them, made when first asked for."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from thapsang.domain.invoices.types import KeyOpener, TaxAuthority
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
        opener = _opener[0] if _opener else import_string(settings.PORTS["seller-key"])
        _opened.append(opener())
    return _opened[0]


def use_authority(authority: TaxAuthority) -> None:
    """Hand invoices over to this service from now on in this process."""
    _authority[:] = [authority]


def authority() -> TaxAuthority:
    """Return the tax authority's service."""
    if not _authority:
        use_authority(import_string(settings.PORTS["tax-authority"])())
    return _authority[0]
