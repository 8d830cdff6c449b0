"""The page everybody opens on the day the bill comes, answered before Django's way in.

The route, who may see it and all it refuses are Django's (`views.bills.bill`). Here a request with nothing unusual
in it, of a customer whose session holds, is answered with the same page by the same functions, and with the headers
the whole way in gave to the last such page. Whatever is not plainly right is handed on whole, and answered there
(docs/adr/0010-portal.md).
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import Http404
from django.urls import resolve
from django.utils.http import http_date

from thapsang.domain.billing.types import bill_id_of
from thapsang.interfaces.portal.kept_pages import TAKES_GZIP, masked_token
from thapsang.interfaces.portal.views.bills import finished, questions_of
from thapsang.interfaces.shared.language import CODES
from thapsang.interfaces.shared.middleware import audiences_of
from thapsang.interfaces.shared.words import in_language
from thapsang.kit.identity.access import Audience
from thapsang.kit.identity.people import phone_index_of
from thapsang.kit.identity.sessions import SessionStore

Way = tuple[str | None, ...]
"""What the headers of an answer hang on: how and under which name the server was reached, and the language."""
Headers = list[tuple[str, str]]
_ADDRESS = re.compile(r"/bills/(HD[0-9]{4}-[0-9]{9}(?:-[1-9])?)/\Z")
_SESSION = re.compile(r"[a-z0-9]{32}\Z")
_MOST_KNOWN = 256
_OF_A_PAGE = frozenset({"Content-Length", "Expires"})
"""Headers that differ from page to page."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request with nothing unusual in it."""

    bill_id: int
    code: str
    session: str
    secret: str
    language: str
    way: Way


class BillPages:
    """A WSGI application that answers plain requests for a bill's page, and leaves everything else to `site`."""

    def __init__(self, site: WSGIApplication) -> None:
        self.site = site
        self._heads: dict[Way, Headers] = {}

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        asked = _plain(environ)
        if asked is None:
            return self.site(environ, start)
        usual = self._heads.get(asked.way)
        if usual is None:
            return self.site(environ, self._learning(asked.way, start))
        body = _body(asked)
        if body is None:
            return self.site(environ, start)
        own = {"Content-Length": str(len(body)), "Expires": http_date(time.time())}
        start("200 OK", [(name, own.get(name, value)) for name, value in usual])
        return [body]

    def _learning(self, way: Way, start: StartResponse) -> StartResponse:
        """Keep the headers of a page as Django gives it to a reader who came this way."""

        def begin(status: str, headers: Headers, *fault: Any) -> Any:
            usual = status == "200 OK" and ("Content-Encoding", "gzip") in headers
            names = {name for name, _ in headers}
            if usual and names >= _OF_A_PAGE and "Set-Cookie" not in names:
                if len(self._heads) >= _MOST_KNOWN:
                    self._heads.clear()
                self._heads[way] = list(headers)
            return start(status, headers, *fault)

        return begin


def _plain(environ: WSGIEnvironment) -> _Asked | None:
    """Read a request; None unless it asks for a bill as a browser of ours does."""
    address = _ADDRESS.match(environ["PATH_INFO"])
    if address is None or environ["REQUEST_METHOD"] != "GET" or environ.get("QUERY_STRING"):
        return None
    if environ.get("SCRIPT_NAME") or not environ.get("HTTP_HOST") or not _usual_settings():
        return None
    if not TAKES_GZIP.search(environ.get("HTTP_ACCEPT_ENCODING", "")):
        return None
    cookies = _cookies(environ.get("HTTP_COOKIE", ""))
    session = cookies.get(settings.SESSION_COOKIE_NAME, "")
    language = cookies.get(settings.LANGUAGE_COOKIE_NAME, settings.LANGUAGE_CODE)
    if not _SESSION.match(session) or language not in CODES or "messages" in cookies:
        return None
    try:
        bill_id = bill_id_of(address[1])
    except ValueError:
        return None
    way = environ["wsgi.url_scheme"], environ.get(_proxys_word()), environ["HTTP_HOST"], language
    secret = cookies.get(settings.CSRF_COOKIE_NAME, "")
    return _Asked(bill_id, address[1], session, secret, language, way)


def _cookies(header: str) -> dict[str, str]:
    """Read the cookies as Django does; what only Django would read (quoted values) fits nothing here."""
    pairs = [each.partition("=") for each in header.split(";")]
    return {name.strip(): value.strip() for name, sign, value in pairs if sign}


def _body(asked: _Asked) -> bytes | None:
    """Return the page, compressed, with the reader's token in it; None if Django is to see to it."""
    if not connection.in_atomic_block:  # as Django does when a request begins
        connection.close_if_unusable_or_obsolete()
    token = masked_token(asked.secret)
    session = SessionStore(asked.session)
    session.ask_along(questions_of(asked.code))
    try:
        reader, told = session.customer(), session.told_along()
        if token is None or reader is None or reader.is_staff or told is None:
            return None
        with in_language(asked.language):
            page = finished(bill_id=asked.bill_id, told=told, phone_index=phone_index_of(reader))
    except (DatabaseError, Http404):  # asked again there, by a new connection
        return None
    return page.gzipped(token.encode())


def _proxys_word() -> str:
    return settings.SECURE_PROXY_SSL_HEADER[0] if settings.SECURE_PROXY_SSL_HEADER else ""


@functools.cache
def _usual_settings() -> bool:
    """Tell whether the page is a customer's and the settings are such that a session's cookie and a host say it all."""
    match = resolve("/bills/HD2601-000000001/")
    moved = settings.USE_X_FORWARDED_HOST or settings.FORCE_SCRIPT_NAME or settings.SESSION_SAVE_EVERY_REQUEST
    return not moved and audiences_of(match.func, match.namespaces) == {Audience.CUSTOMER}
