"""Encryption of personal data at rest, and blind indexes to find it again.

A stored value is `header ‖ nonce ‖ AES-256-GCM(text)`: the header is one byte of format and two bytes of
key number, so that old values stay readable after a new key was added; header and purpose are
authenticated with the text, so that a phone number cannot be passed off as an ID number
(docs/adr/0006). A blind index is a keyed hash, HMAC-SHA-256 cut to 16 bytes, under a key of its
own for each purpose: equal values give equal indexes, and nothing else can be learnt without the key.

Purposes in use: `phone`, `email`, `zalo`, `id-number`, `message`.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

FORMAT = 1
INDEX_BYTES = 16
_HEADER, _NONCE = 3, 12
_KEY_BYTES = 32


class DataKeyError(ValueError):
    """A key in the settings is malformed; the message names the setting and the remedy, never the key."""


class CipherError(ValueError):
    """A stored value cannot be read: its key is not configured, or the bytes are not ours."""


@dataclass(frozen=True)
class DataKeys:
    """The keys of DATA_KEYS by number; `newest` encrypts, all of them decrypt."""

    ciphers: dict[int, AESGCM]
    newest: int


def new_key() -> str:
    """Return a fresh random key of 32 bytes, base64."""
    return base64.b64encode(os.urandom(_KEY_BYTES)).decode()


def _decode(text: str, name: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise DataKeyError(f"{name}: a key is not base64; `thapsang keys new` prints a good one.") from error
    if len(key) != _KEY_BYTES:
        raise DataKeyError(f"{name}: a key has {len(key)} bytes, not 32; take one from `thapsang keys new`.")
    return key


@functools.lru_cache(maxsize=8)
def parse_data_keys(text: str) -> DataKeys:
    """Read `number:base64,number:base64 …`; numbers 1 to 65535, each once; the last one encrypts.

    Raises DataKeyError naming the entry by its place, never by its content.
    """
    ciphers: dict[int, AESGCM] = {}
    newest = 0
    for place, part in enumerate(text.split(","), start=1):
        number, colon, key = part.strip().partition(":")
        if not colon or not number.isdigit() or not 1 <= int(number) <= 0xFFFF:
            raise DataKeyError(f"THAPSANG_DATA_KEYS: entry {place} is not number:base64, number 1 to 65535.")
        newest = int(number)
        if newest in ciphers:
            raise DataKeyError(f"THAPSANG_DATA_KEYS: key number {newest} stands twice; give one another.")
        ciphers[newest] = AESGCM(_decode(key, "THAPSANG_DATA_KEYS"))
    return DataKeys(ciphers, newest)


def data_keys() -> DataKeys:
    """Return the keys of the settings."""
    return parse_data_keys(settings.DATA_KEYS)


def check_keys() -> None:
    """Read the keys of the settings. Raises DataKeyError when one of them is malformed."""
    data_keys()
    _decode(settings.INDEX_KEY, "THAPSANG_INDEX_KEY")


@functools.lru_cache(maxsize=64)
def _index_key(key: str, purpose: str) -> bytes:
    return hmac.digest(_decode(key, "THAPSANG_INDEX_KEY"), b"blind-index:" + purpose.encode(), "sha256")


def _header(number: int) -> bytes:
    return bytes((FORMAT,)) + number.to_bytes(2, "big")


def encrypt_many(texts: Sequence[str | None], *, purpose: str) -> list[bytes | None]:
    """Encrypt a column under the newest key; None stays None."""
    keys = data_keys()
    head = _header(keys.newest)
    bound = head + purpose.encode()
    seal = keys.ciphers[keys.newest].encrypt
    nonces = os.urandom(_NONCE * len(texts))
    return [
        None if text is None else head + (nonce := nonces[i : i + _NONCE]) + seal(nonce, text.encode(), bound)
        for i, text in zip(range(0, len(nonces), _NONCE), texts, strict=True)
    ]


def encrypt(text: str, *, purpose: str) -> bytes:
    """Encrypt one value under the newest key."""
    keys = data_keys()
    head, nonce = _header(keys.newest), os.urandom(_NONCE)
    return head + nonce + keys.ciphers[keys.newest].encrypt(nonce, text.encode(), head + purpose.encode())


def key_number(data: bytes) -> int:
    """Return the number of the key a stored value was encrypted with. Raises CipherError."""
    if len(data) < _HEADER + _NONCE + 16 or data[0] != FORMAT:
        raise CipherError("The stored value is not one of ours: its header is unknown.")
    return int.from_bytes(data[1:_HEADER], "big")


def decrypt(data: bytes | memoryview, *, purpose: str) -> str:
    """Read one stored value.

    Raises CipherError when its key is not among DATA_KEYS, or when the bytes or the purpose do not fit.
    """
    data = bytes(data)
    number = key_number(data)
    cipher = data_keys().ciphers.get(number)
    if cipher is None:
        raise CipherError(f"Key number {number} is not configured: add it to THAPSANG_DATA_KEYS again.")
    head, nonce, sealed = data[:_HEADER], data[_HEADER : _HEADER + _NONCE], data[_HEADER + _NONCE :]
    try:
        return cipher.decrypt(nonce, sealed, head + purpose.encode()).decode()
    except InvalidTag as error:
        raise CipherError(f"The stored value does not open as {purpose} under key {number}.") from error


def decrypt_many(column: Sequence[bytes | None], *, purpose: str) -> list[str | None]:
    """Read a column; None stays None. Raises CipherError as `decrypt` does."""
    return [None if data is None else decrypt(data, purpose=purpose) for data in column]


def blind_index(text: str, *, purpose: str) -> bytes:
    """Return the 16 bytes by which a value is found; the caller normalises the text first."""
    return hmac.digest(_index_key(settings.INDEX_KEY, purpose), text.encode(), "sha256")[:INDEX_BYTES]


def blind_index_many(texts: Sequence[str | None], *, purpose: str) -> list[bytes | None]:
    """Return the blind index of each value of a column; None stays None."""
    key, digest = _index_key(settings.INDEX_KEY, purpose), hmac.digest
    return [None if text is None else digest(key, text.encode(), "sha256")[:INDEX_BYTES] for text in texts]
