"""XML signatures over DLHDon: RSA with SHA-256, exclusive canonical form, the signing time signed too.

Two references: the DLHDon by its Id, and the ds:Object that holds the signing time. Both are written in
canonical form already (writing.py), so signing is two digests and one RSA operation.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import b2a_base64
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple

from thapsang.engines.einvoice.c14n import EXCLUSIVE
from thapsang.engines.einvoice.keys import Signer, certificate_facts
from thapsang.engines.einvoice.model import Invoice
from thapsang.engines.einvoice.writing import SIGNED_FRAME, Draft, bare, draft, escape

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

_REFERENCE = (
    b'<ds:Reference URI="#%b"><ds:Transforms><ds:Transform Algorithm="'
    + EXCLUSIVE.encode()
    + b'"></ds:Transform>'
    b'</ds:Transforms><ds:DigestMethod Algorithm="' + SHA256.encode() + b'"></ds:DigestMethod>'
    b"<ds:DigestValue>%b</ds:DigestValue></ds:Reference>"
)
_SIGNED_INFO = (
    b'><ds:CanonicalizationMethod Algorithm="' + EXCLUSIVE.encode() + b'"></ds:CanonicalizationMethod>'
    b'<ds:SignatureMethod Algorithm="' + RSA_SHA256.encode() + b'"></ds:SignatureMethod>'
    + _REFERENCE + _REFERENCE.replace(b"#%b", b"#%b-time") + b"</ds:SignedInfo>"
)  # fmt: skip
_HELD = (
    b' Id="%b-time"><ds:SignatureProperties><ds:SignatureProperty Target="#%b-sig">'
    b'<xades:SigningTime xmlns:xades="' + XADES.encode() + b'">%b</xades:SigningTime></ds:SignatureProperty>'
    b"</ds:SignatureProperties></ds:Object>"
)
_NAMESPACE = b' xmlns:ds="' + DS.encode() + b'"'
_INFO_HEAD, _HELD_HEAD = b"<ds:SignedInfo" + _NAMESPACE, b"<ds:Object" + _NAMESPACE
_OPENED, _NAMED = b"<ds:Signature" + _NAMESPACE + b' Id="', b'-sig"><ds:SignedInfo'
_VALUE, _KEYED = b"<ds:SignatureValue>", b"</ds:SignatureValue>%b<ds:Object"
_CLOSED = b"</ds:Signature>"


class _Unsigned(NamedTuple):
    """A draft with all of its signature but the value."""

    draft: Draft
    id: bytes
    info: bytes
    """SignedInfo from the end of its name, which is written with the namespace when signed and without in place."""
    held: bytes
    """The ds:Object in the same way."""


def signature(draft: Draft, signer: Signer, *, at: datetime) -> bytes:
    """Return the ds:Signature element of a draft, in canonical form; `at` (with a zone) is the signing time."""
    unsigned = _unsigned(draft, _moment(at))
    return _element(unsigned, signer.sign(_INFO_HEAD + unsigned.info), _key_info(signer.certificate))


def sign(invoice: Invoice | Draft, signer: Signer, *, at: datetime) -> bytes:
    """Return a signed HDon file of an invoice.

    `at` is the signing time, with its zone. Raises InvoiceError when the invoice breaks a rule. Whether the key
    may sign at all is asked once, before: `check_may_sign`.
    """
    made = _as_draft(invoice)
    return bare(made, signature(made, signer, at=at))


def sign_batch(invoices: Sequence[Invoice | Draft], signer: Signer, *, at: datetime) -> list[bytes]:
    """Return the signed file of each invoice, as `sign` does, but step by step for all.

    One kind of work at a time keeps the processor's caches warm: an eighth less time than one invoice after another.
    """
    moment, key_info = _moment(at), _key_info(signer.certificate)
    unsigned = [_unsigned(_as_draft(invoice), moment) for invoice in invoices]
    values = [signer.sign(_INFO_HEAD + one.info) for one in unsigned]
    # One join a file: `bare` of `_element` would copy it three times.
    head, opened, end = SIGNED_FRAME[0], SIGNED_FRAME[1] + _OPENED, _CLOSED + SIGNED_FRAME[2]
    keyed = _KEYED % key_info
    return [
        b"".join((head, one.draft.body, opened, one.id, _NAMED, one.info, _VALUE, b2a_base64(value, newline=False),
                  keyed, one.held, end))
        for one, value in zip(unsigned, values, strict=True)
    ]  # fmt: skip


def _as_draft(invoice: Invoice | Draft) -> Draft:
    return invoice if isinstance(invoice, Draft) else draft(invoice)


def _unsigned(draft: Draft, moment: bytes) -> _Unsigned:
    name = draft.id.encode()
    held = _HELD % (name, name, moment)
    info = _SIGNED_INFO % (name, _digest(draft.body), name, _digest(_HELD_HEAD + held))
    return _Unsigned(draft, name, info, held)


def _element(unsigned: _Unsigned, value: bytes, key_info: bytes) -> bytes:
    _, name, info, held = unsigned
    encoded = b2a_base64(value, newline=False)
    return b"".join((_OPENED, name, _NAMED, info, _VALUE, encoded, _KEYED % key_info, held, _CLOSED))


def sign_many(
    invoices: Iterable[Invoice | Draft],
    opener: Callable[[], Signer],
    *,
    at: datetime,
    workers: int = 2,
    chunk: int = 100,
) -> Iterator[bytes]:
    """Yield the signed file of each invoice, in order, signed by `workers` processes.

    `opener` opens the key, once in each process (`Pkcs12Key`, or a token's session); it has to be picklable. At
    most two chunks a worker are under way, so the input may be endless. A broken invoice raises InvoiceError
    and ends the work.
    """
    wanted = iter(invoices)
    if workers <= 1:
        signer = opener()
        while part := list(islice(wanted, chunk)):
            yield from sign_batch(part, signer, at=at)
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
    return sign_batch(invoices, _opened[0], at=at)


def _digest(data: bytes) -> bytes:
    return b2a_base64(sha256(data).digest(), newline=False)


def _moment(at: datetime) -> bytes:
    if at.tzinfo is None:
        raise ValueError("a signing time needs its time zone.")
    return at.isoformat(timespec="seconds").encode()


@lru_cache(maxsize=16)
def _key_info(certificate: bytes) -> bytes:
    subject = escape(certificate_facts(certificate).subject)
    return (
        f"<ds:KeyInfo><ds:X509Data><ds:X509SubjectName>{subject}</ds:X509SubjectName><ds:X509Certificate>"
        f"{b64encode(certificate).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    ).encode()
