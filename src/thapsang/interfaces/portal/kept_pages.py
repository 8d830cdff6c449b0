"""Finished pages kept in the process, under everything they were made of.

A page is a function of what it shows: a bill, what was paid on it, what followed it, the day, the language. Whoever
may see these values may see the page; they are asked of the database each time and are the key here, so that a
payment or a changed bill is never answered with an older page. What the key does not hold (the address, the months
in the chart) is at most ten minutes old. The one thing that differs between readers, the token of the forms, is put
in last: the halves around it are kept compressed.
"""

from __future__ import annotations

import os
import re
import struct
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CSRF_ALLOWED_CHARS, CSRF_SECRET_LENGTH, get_token
from django.utils.cache import patch_vary_headers

TOKEN_HERE = "token-of-the-reader-goes-here"  # noqa: S105 - a mark in the page, no secret
KEPT, SECONDS = 2000, 600
LEVEL = 3
"""Of compression: a bill's page is 3.8 kB with 3 and 3.5 kB with 6, which takes nearly twice the time."""
_LETTERS = CSRF_ALLOWED_CHARS
_COUNT = len(_LETTERS)
_PLACES = {letter: place for place, letter in enumerate(_LETTERS)}
_EVEN = 256 - 256 % _COUNT
"""Random bytes below this stand for each letter equally often."""
TAKES_GZIP = re.compile(r"\bgzip\b")
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(frozen=True)
class Page:
    """A drawn page in two halves; the reader's token goes between them."""

    head: bytes
    tail: bytes
    head_deflated: bytes
    tail_deflated: bytes

    def plain(self, token: bytes) -> bytes:
        """Return the page as it is."""
        return b"".join((self.head, token, self.tail))

    def gzipped(self, token: bytes) -> bytes:
        """Return the page as one gzip member; the token stands in a block of its own, uncompressed."""
        size = len(token)
        block = struct.pack("<BHH", 0, size, size ^ 0xFFFF)
        check = zlib.crc32(self.tail, zlib.crc32(token, zlib.crc32(self.head)))
        end = struct.pack("<LL", check, len(self.head) + size + len(self.tail))
        return b"".join((_GZIP_HEAD, self.head_deflated, block, token, self.tail_deflated, end))


def page_of(html: str) -> Page:
    """Split a page at `TOKEN_HERE` and compress its halves. Raises ValueError unless it stands there once."""
    head, found, tail = html.encode().partition(TOKEN_HERE.encode())
    if not found or TOKEN_HERE.encode() in tail:
        raise ValueError("A page is kept only with exactly one place for the token.")
    return Page(head, tail, _deflated(head, zlib.Z_SYNC_FLUSH), _deflated(tail, zlib.Z_FINISH))


def _deflated(data: bytes, end: int) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush(end)


class KeptPages:
    """The pages drawn last, each for some minutes."""

    def __init__(self, *, kept: int = KEPT, seconds: float = SECONDS) -> None:
        self._most, self._seconds = kept, seconds
        self._pages: OrderedDict[Hashable, tuple[float, Page, Hashable]] = OrderedDict()
        self._last: dict[Hashable, Hashable] = {}
        self._lock = threading.Lock()

    def holds(self, about: Hashable) -> bool:
        """Tell whether a page about something is kept, be it the one that will be wanted or not."""
        return about in self._last

    def get(self, key: Hashable, draw: Callable[[], str], *, about: Hashable = None) -> Page:
        """Return the page kept under a key, or draw it; `draw` gives its text with `TOKEN_HERE` in it.

        `about` says what the page is about, for `holds`.
        """
        with self._lock:
            until, page, _ = self._pages.get(key, (0.0, None, None))
        if page is None or until < time.monotonic():
            page = page_of(draw())
            with self._lock:
                self._pages[key] = (time.monotonic() + self._seconds, page, about)
                self._pages.move_to_end(key)
                self._last[about] = key
                while len(self._pages) > self._most:
                    old, (_, _, its) = self._pages.popitem(last=False)
                    if self._last.get(its) == old:
                        del self._last[its]
        return page


def answer(request: HttpRequest, page: Page) -> HttpResponse:
    """Answer with a kept page: the reader's own token in it, compressed if the reader takes that."""
    token = _token(request).encode()
    if TAKES_GZIP.search(request.META.get("HTTP_ACCEPT_ENCODING", "")):
        response = HttpResponse(page.gzipped(token), headers={"Content-Encoding": "gzip"})
    else:
        response = HttpResponse(page.plain(token))
    patch_vary_headers(response, ("Accept-Encoding", "Cookie"))
    return response


def _token(request: HttpRequest) -> str:
    """Return the reader's token of forms, as Django masks it but without setting its cookie anew each time."""
    secret: str | None = request.META.get("CSRF_COOKIE")
    masked = masked_token(secret) if secret else None
    return get_token(request) if masked is None else masked


def masked_token(secret: str) -> str | None:
    """Return a token of forms for the secret in a reader's cookie; None if the secret is not as Django writes it."""
    places = [_PLACES.get(letter) for letter in secret]
    mask = [byte for byte in os.urandom(64) if byte < _EVEN][:CSRF_SECRET_LENGTH]
    if None in places or len(secret) != CSRF_SECRET_LENGTH or len(mask) < CSRF_SECRET_LENGTH:
        return None
    hidden = [
        _LETTERS[(place + byte) % _COUNT]
        for place, byte in zip(places, mask, strict=True)
        if place is not None
    ]
    return "".join([_LETTERS[byte % _COUNT] for byte in mask] + hidden)
