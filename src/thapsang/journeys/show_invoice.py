"""An invoice's file as its holder gets it, and whether a file is one of ours: genuine, altered, replaced."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from thapsang.domain.invoices import operations, queries
from thapsang.domain.invoices.types import InvoiceView
from thapsang.engines.einvoice import Verdict, verify
from thapsang.kit.files import operations as files


@dataclass(frozen=True)
class Examined:
    """What an examined file is: the verdict on its signature, and the invoice of ours it claims to be."""

    verdict: Verdict
    invoice: InvoiceView | None
    same_file: bool
    """The signed content is byte for byte what we issued."""

    @property
    def genuine(self) -> bool:
        """Signed by us, unchanged, and in our books."""
        return self.verdict.genuine and self.verdict.trusted and self.invoice is not None


def invoice_file(*, view: InvoiceView) -> bytes:
    """Return an invoice's file; the authority's code stands in it once there is one, outside what is signed.

    Raises FileGoneError when the disk lost the pack.
    """
    with files.open_file(sha256=view.pack_sha256) as stream:
        stream.seek(view.position or 0)
        content = stream.read(view.size or 0)
    if view.sha256 != hashlib.sha256(content).digest():
        raise files.FileGoneError(
            f"The file of invoice {view.name} is damaged: restore its pack from the backup."
        )
    if not view.authority_code:
        return content
    mark = b"<DSCKS>"
    before, _, after = content.partition(mark)
    return b"".join((before, f"<MCCQT>{view.authority_code}</MCCQT>".encode(), mark, after))


def examine(*, content: bytes) -> Examined:
    """Say what a file is that somebody brings. Never raises for its content."""
    verdict = verify(content, trusted=[operations.signer().certificate])[0]
    view = None
    if verdict.key:
        seller, form, series, number = verdict.key.split("|")
        known = seller == queries.current_policy().seller.tax_code and number.isdigit()
        view = queries.invoice_named(name=f"{form}{series}-{number}") if known else None
    same = False
    if view is not None and view.sha256:
        same = _signed_part(invoice_file(view=view)) == _signed_part(content)
    return Examined(verdict, view, same)


def _signed_part(content: bytes) -> bytes:
    start, end = content.find(b"<DLHDon"), content.find(b"</DLHDon>")
    return content[start:end]
