"""An invoice's file as its holder gets it, and whether a file is one of ours: genuine, altered, replaced."""

from __future__ import annotations

from dataclasses import dataclass

from thapsang.domain.invoices import operations, queries
from thapsang.domain.invoices.queries.filed import invoice_files
from thapsang.domain.invoices.types import InvoiceView
from thapsang.engines.einvoice import Verdict, verify


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
    return next(invoice_files(views=[view]))[1]


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
