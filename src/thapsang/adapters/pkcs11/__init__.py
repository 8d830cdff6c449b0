"""The seller's signing key in a PKCS#11 token: it never leaves the token, which does the signing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thapsang.domain.invoices.types import NoKeyError
from thapsang.engines.einvoice import Signer
from thapsang.engines.einvoice.errors import KeyFileError
from thapsang.engines.einvoice.keys import SMALLEST_KEY, load_certificate


@dataclass(frozen=True)
class TokenSigner:
    """A key in an opened session; sessions are one process's own."""

    key: Any = field(repr=False)
    certificate: bytes = field(repr=False)
    mechanism: Any = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of `data`, made by the token."""
        return bytes(self.key.sign(data, mechanism=self.mechanism))


@dataclass(frozen=True)
class Token:
    """A token: the module (shared library) that speaks to it, its label, the key's label, the file with its PIN."""

    module: Path
    label: str
    key: str
    pin_file: Path

    def __call__(self) -> Signer:
        """Open a session and find the key and its certificate.

        Raises NoKeyError naming the setting when module, token, PIN or key is not there, KeyFileError for a pair
        that is none.
        """
        try:
            import pkcs11
        except ImportError as error:
            raise NoKeyError("The package python-pkcs11 is missing: run `make install`.") from error
        try:
            pin = self.pin_file.read_text(encoding="utf-8").split("\n")[0].strip()
            session = pkcs11.lib(str(self.module)).get_token(token_label=self.label).open(user_pin=pin)
            return self._found(session, pkcs11)
        except OSError as error:
            raise NoKeyError(
                f"{error.filename}: {error.strerror}: look at THAPSANG_INVOICE_PIN_FILE."
            ) from error
        except pkcs11.PKCS11Error as error:
            raise NoKeyError(
                f"The token {self.label!r} or its key {self.key!r} cannot be opened ({type(error).__name__}): look at "
                "THAPSANG_INVOICE_TOKEN_LABEL, THAPSANG_INVOICE_TOKEN_KEY and the PIN."
            ) from error
        except RuntimeError as error:  # the module cannot be loaded
            raise NoKeyError(f"{error}: look at THAPSANG_INVOICE_TOKEN.") from error

    def _found(self, session: Any, pkcs11: Any) -> TokenSigner:
        """Return the key of an open session; one that has it not is closed, for a token lets a user in once."""
        try:
            key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self.key)
            der = self._certificate(session, pkcs11)
            return _checked(TokenSigner(key, der, pkcs11.Mechanism.SHA256_RSA_PKCS))
        except BaseException:
            session.close()
            raise

    def _certificate(self, session: Any, pkcs11: Any) -> bytes:
        wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE, pkcs11.Attribute.LABEL: self.key}
        for found in session.get_objects(wanted):
            return bytes(found[pkcs11.Attribute.VALUE])
        raise NoKeyError(f"The token has no certificate labelled {self.key!r}: import the key's certificate.")


def _checked(signer: TokenSigner) -> TokenSigner:
    """Sign a trial: the token's key must be the certificate's."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    public = load_certificate(signer.certificate).public_key()
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size < SMALLEST_KEY:
        raise KeyFileError(
            "PKCS#11", f"has no RSA key of {SMALLEST_KEY} bits or more.", "Ask for such a certificate."
        )
    try:
        public.verify(signer.sign(b"trial"), b"trial", padding.PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise KeyFileError(
            "PKCS#11", "has a certificate of another key.", "Label key and certificate alike."
        ) from error
    return signer
