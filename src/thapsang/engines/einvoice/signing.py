"""XML signatures over DLHDon: RSA with SHA-256, exclusive canonical form, the signing time signed too.

Two references: the DLHDon by its Id, and the ds:Object that holds the signing time. Both are written in
canonical form already (writing.py), so signing is two digests and one RSA operation.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import datetime
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context

from thapsang.engines.einvoice.c14n import EXCLUSIVE
from thapsang.engines.einvoice.keys import Signer, certificate_facts
from thapsang.engines.einvoice.model import Invoice
from thapsang.engines.einvoice.writing import Draft, bare, draft, escape

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

_REFERENCE = (
    '<ds:Reference URI="#{}"><ds:Transforms><ds:Transform Algorithm="' + EXCLUSIVE + '"></ds:Transform>'
    '</ds:Transforms><ds:DigestMethod Algorithm="' + SHA256 + '"></ds:DigestMethod>'
    "<ds:DigestValue>{}</ds:DigestValue></ds:Reference>"
)
_SIGNED_INFO = (
    '><ds:CanonicalizationMethod Algorithm="' + EXCLUSIVE + '"></ds:CanonicalizationMethod>'
    '<ds:SignatureMethod Algorithm="' + RSA_SHA256 + '"></ds:SignatureMethod>'
)
_NAMESPACE = f' xmlns:ds="{DS}"'


def signature(draft: Draft, signer: Signer, *, at: datetime) -> bytes:
    """Return the ds:Signature element of a draft, in canonical form; `at` (with a zone) is the signing time."""
    object_attributes = f' Id="{draft.id}-time"'
    inside = (
        f'<ds:SignatureProperties><ds:SignatureProperty Target="#{draft.id}-sig"><xades:SigningTime '
        f'xmlns:xades="{XADES}">{_moment(at)}</xades:SigningTime></ds:SignatureProperty></ds:SignatureProperties>'
        "</ds:Object>"
    )
    held = f"<ds:Object{_NAMESPACE}{object_attributes}>{inside}"
    info = (
        f"{_SIGNED_INFO}{_REFERENCE.format(draft.id, _digest(draft.body))}"
        f"{_REFERENCE.format(f'{draft.id}-time', _digest(held.encode()))}</ds:SignedInfo>"
    )
    value = b64encode(signer.sign(f"<ds:SignedInfo{_NAMESPACE}{info}".encode())).decode()
    return (
        f'<ds:Signature{_NAMESPACE} Id="{draft.id}-sig"><ds:SignedInfo{info}<ds:SignatureValue>{value}'
        f"</ds:SignatureValue>{_key_info(signer.certificate)}<ds:Object{object_attributes}>{inside}</ds:Signature>"
    ).encode()


def sign(invoice: Invoice | Draft, signer: Signer, *, at: datetime) -> bytes:
    """Return a signed HDon file of an invoice.

    `at` is the signing time, with its zone. Raises InvoiceError when the invoice breaks a rule. Whether the key
    may sign at all is asked once, before: `check_may_sign`.
    """
    made = invoice if isinstance(invoice, Draft) else draft(invoice)
    return bare(made, signature(made, signer, at=at))


def sign_many(
    invoices: Iterable[Invoice | Draft],
    opener: Callable[[], Signer],
    *,
    at: datetime,
    workers: int = 2,
    chunk: int = 250,
) -> Iterator[bytes]:
    """Yield the signed file of each invoice, in order, signed by `workers` processes.

    `opener` opens the key, once in each process (`Pkcs12Key`, or a token's session); it has to be picklable. At
    most two chunks a worker are under way, so the input may be endless. A broken invoice raises InvoiceError
    and ends the work.
    """
    wanted = iter(invoices)
    if workers <= 1:
        signer = opener()
        yield from (sign(invoice, signer, at=at) for invoice in wanted)
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_open, initargs=(opener,)
    )
    with pool:
        under_way: deque[Future[list[bytes]]] = deque()
        try:
            while part := list(islice(wanted, chunk)):
                under_way.append(pool.submit(_sign_chunk, part, at))
                if len(under_way) > 2 * workers:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()
        finally:
            for left in under_way:
                left.cancel()


_opened: list[Signer] = []


def _open(opener: Callable[[], Signer]) -> None:
    _opened[:] = [opener()]


def _sign_chunk(invoices: list[Invoice | Draft], at: datetime) -> list[bytes]:
    return [sign(invoice, _opened[0], at=at) for invoice in invoices]


def _digest(data: bytes) -> str:
    return b64encode(hashlib.sha256(data).digest()).decode()


def _moment(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a signing time needs its time zone.")
    return at.isoformat(timespec="seconds")


@lru_cache(maxsize=16)
def _key_info(certificate: bytes) -> str:
    subject = escape(certificate_facts(certificate).subject)
    return (
        f"<ds:KeyInfo><ds:X509Data><ds:X509SubjectName>{subject}</ds:X509SubjectName><ds:X509Certificate>"
        f"{b64encode(certificate).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    )
