"""Signing keys: the port a key is used through, and the kind that lives in a PKCS#12 file.

A token (PKCS#11) plugs into the same port later: a key is whatever has a certificate and signs bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from thapsang.engines.einvoice.errors import KeyFileError

SMALLEST_KEY = 2048
"""Bits of the smallest RSA key that signs or is believed."""
_TAX_CODE = re.compile(r"MST:\s*([0-9]{10}(?:-?[0-9]{3})?|[0-9]{12})")


class Signer(Protocol):
    """A key that signs: in a file, in a token, behind a service."""

    @property
    def certificate(self) -> bytes:
        """The key's X.509 certificate, DER."""

    def sign(self, data: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of `data`."""


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate says about its key's owner and its time."""

    subject: str
    issuer: str
    serial: str
    tax_code: str
    """Tax code in the subject (UID=MST:…), empty when it names none."""
    valid_from: datetime
    valid_until: datetime

    def covers(self, at: datetime) -> bool:
        """Tell whether a moment lies in the certificate's time."""
        return self.valid_from <= at <= self.valid_until

    def days_left(self, at: datetime) -> int:
        """Whole days until the certificate ends; negative when it has ended."""
        return (self.valid_until - at).days


def certificate_facts(der: bytes) -> CertificateFacts:
    """Read a DER certificate; raise KeyFileError when it is none."""
    found = load_certificate(der)
    subject = found.subject.rfc4514_string()
    code = _TAX_CODE.search(subject)
    return CertificateFacts(
        subject,
        found.issuer.rfc4514_string(),
        f"{found.serial_number:x}",
        code[1] if code else "",
        found.not_valid_before_utc,
        found.not_valid_after_utc,
    )


def load_certificate(der: bytes) -> x509.Certificate:
    """Return a certificate; raise KeyFileError when the bytes are none."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise KeyFileError(
            "X509Certificate", "is no certificate.", "Ask the signer for the file again."
        ) from error


_PADDING, _HASH = padding.PKCS1v15(), SHA256()


@dataclass(frozen=True)
class SoftwareSigner:
    """A key held in memory."""

    key: rsa.RSAPrivateKey = field(repr=False)
    certificate: bytes = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of `data`."""
        return self.key.sign(data, _PADDING, _HASH)


@dataclass(frozen=True)
class Pkcs12Key:
    """A PKCS#12 file's content and password; called, it opens the key. Can be handed to another process."""

    content: bytes = field(repr=False)
    password: bytes = field(repr=False)

    def __call__(self) -> SoftwareSigner:
        """Return the opened key; raises as `read_pkcs12`."""
        return read_pkcs12(self.content, self.password)


def read_pkcs12(content: bytes, password: bytes) -> SoftwareSigner:
    """Open the key of a PKCS#12 file (.p12, .pfx).

    Raises KeyFileError: wrong password or file, no key or certificate in it, not RSA, too small, not a pair.
    """
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(content, password or None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(
            "PKCS#12", "does not open.", "Check the password, and that the file is a .p12 or .pfx."
        ) from error
    if key is None or certificate is None:
        raise KeyFileError(
            "PKCS#12", "lacks its key or its certificate.", "Export both from the token or provider."
        )
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < SMALLEST_KEY:
        raise KeyFileError(
            "PKCS#12", f"has no RSA key of {SMALLEST_KEY} bits or more.", "Ask for such a certificate."
        )
    public = certificate.public_key()
    if (
        not isinstance(public, rsa.RSAPublicKey)
        or public.public_numbers() != key.public_key().public_numbers()
    ):
        raise KeyFileError("PKCS#12", "has a certificate of another key.", "Export the pair again.")
    return SoftwareSigner(key, certificate.public_bytes(Encoding.DER))


def check_may_sign(signer: Signer, *, at: datetime, tax_code: str = "") -> CertificateFacts:
    """Return the certificate's facts; raise KeyFileError when it does not cover `at` or is another seller's."""
    facts = certificate_facts(signer.certificate)
    if not facts.covers(at):
        raise KeyFileError(
            "certificate",
            f"is valid from {facts.valid_from:%Y-%m-%d} until {facts.valid_until:%Y-%m-%d}, not now.",
            "Renew it with the certificate's provider; invoices signed with it now would be void.",
        )
    if tax_code and facts.tax_code and not same_taxpayer(facts.tax_code, tax_code):
        raise KeyFileError(
            "certificate",
            f"belongs to tax code {facts.tax_code}, the seller is {tax_code}.",
            "Use the seller's key.",
        )
    return facts


def same_taxpayer(one: str, other: str) -> bool:
    """Tell whether two tax codes are of one taxpayer: a branch (10-3) is its head office's."""
    first, second = one.replace("-", ""), other.replace("-", "")
    if len(first) == 12 or len(second) == 12:
        return first == second
    return first[:10] == second[:10]
