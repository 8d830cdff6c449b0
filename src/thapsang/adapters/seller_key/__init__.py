"""The seller's signing key in a PKCS#12 file, and an invented one for demonstration and tests."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID

from thapsang.domain.invoices.types import NoKeyError
from thapsang.engines.einvoice import Signer, read_pkcs12

_VALID = timedelta(days=730)


@dataclass(frozen=True)
class KeyFile:
    """A .p12 file whose password is another file's first line."""

    path: Path
    password_file: Path | None

    def __call__(self) -> Signer:
        """Open the key. Raises NoKeyError when a file cannot be read, KeyFileError when it does not open."""
        try:
            password = self.password_file.read_bytes().split(b"\n")[0].strip() if self.password_file else b""
            return read_pkcs12(self.path.read_bytes(), password)
        except OSError as error:
            raise NoKeyError(
                f"The signing key cannot be read ({error.strerror}: {error.filename}): set THAPSANG_INVOICE_KEY to a "
                ".p12 file and THAPSANG_INVOICE_KEY_PASSWORD_FILE to the file with its password."
            ) from error


@dataclass(frozen=True)
class DemonstrationKey:
    """A key made on first need, under a certificate that says it is invented. Never used in production."""

    folder: Path
    tax_code: str

    def __call__(self) -> Signer:
        """Return the key, the same in every process of an installation."""
        target, word = self.folder / "demonstration.p12", b"demonstration"
        if not target.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor, partial = tempfile.mkstemp(dir=self.folder, prefix=".partial-")
            with os.fdopen(descriptor, "wb") as sink:
                sink.write(_made(self.tax_code, word))
            with contextlib.suppress(FileExistsError):
                os.link(partial, target)  # the first of several processes wins
            Path(partial).unlink()
        return read_pkcs12(target.read_bytes(), word)


@dataclass(frozen=True)
class NoKey:
    """No key is configured."""

    def __call__(self) -> Signer:
        """Raise NoKeyError."""
        raise NoKeyError(
            "No signing key is configured: set THAPSANG_INVOICE_KEY to a .p12 file, or THAPSANG_INVOICE_TOKEN to "
            "the PKCS#11 module of a token."
        )


def _made(tax_code: str, password: bytes) -> bytes:
    private = rsa.generate_private_key(65537, 2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Chữ ký minh họa, không có giá trị"),
            x509.NameAttribute(NameOID.USER_ID, f"MST:{tax_code}"),
        ]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=365))
        .not_valid_after(now + _VALID)
        .sign(private, SHA256())
    )
    return pkcs12.serialize_key_and_certificates(
        b"demonstration", private, certificate, None, BestAvailableEncryption(password)
    )
