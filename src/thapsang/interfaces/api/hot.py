"""The busiest call, a payment's confirmation, answered before Django's way in.

The route, its types, its description and all it refuses are django-ninja's (`collecting.confirm`). Here a request
that is plainly right (a live token with the scope, a key, a JSON body that fits) is read once and recorded by the
same function; whatever is not plainly right is handed on whole, and answered there (docs/adr/0009-api.md).
"""

from __future__ import annotations

import functools
import io
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import resolve
from django.utils import timezone
from pydantic import ValidationError

from thapsang.interfaces.api.collecting import KEY, PaymentIn, recorded
from thapsang.interfaces.api.v1 import api
from thapsang.interfaces.shared.machines import MachineRoutesMiddleware
from thapsang.interfaces.shared.middleware import audiences_of
from thapsang.kit.identity import clients
from thapsang.kit.identity.access import Audience
from thapsang.kit.identity.clients import Caller

View = Callable[..., HttpResponseBase]
Header = tuple[str, str]
Headers = tuple[list[Header], list[Header]]
"""What every answer bears: before its length and after."""
ADDRESS = "/api/v1/payments"
SCOPE = "payments:write"
FAULT = "thapsang.confirmation_fault"
"""Where a request that failed here carries its error to Django: no header of a client comes under such a name."""
_LONGEST = 4096
_MOST_KNOWN = 256
_KEY = re.compile(KEY.replace("$", r"\Z"))
_LENGTH = re.compile(r"[0-9]{1,4}\Z")
_read = PaymentIn.__pydantic_validator__.validate_json


class Confirmations:
    """A WSGI application that answers plain confirmations, and leaves everything else to `site`, Django's."""

    def __init__(self, site: WSGIApplication) -> None:
        self.site = site
        self._heads: dict[tuple[str | None, ...], Headers | None] = {}

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"] != ADDRESS or environ["REQUEST_METHOD"] != "POST":
            return self.site(environ, start)
        if not connection.in_atomic_block:  # as Django does when a request begins
            connection.close_if_unusable_or_obsolete()
        headers = self._headers(environ)
        plain = _plain(environ) if headers else None
        if plain is None or headers is None:
            return self.site(environ, start)
        try:
            replayed, answer = recorded(*plain)
        except Exception as fault:  # answered and logged where all errors of the API are
            environ[FAULT] = fault
            return self.site(environ, start)
        body = json.dumps(answer).encode()  # as django-ninja writes it, to the byte
        first, last = headers
        if replayed:
            first = [first[0], ("Idempotent-Replayed", "true"), *first[1:]]
        start("201 Created", [*first, ("Content-Length", str(len(body))), *last])
        return [body]

    def _headers(self, environ: WSGIEnvironment) -> Headers | None:
        """Return what every answer to this host by this way bears, or None: then Django has a word to say."""
        known = (environ["wsgi.url_scheme"], environ.get(_proxys_word()), environ.get("HTTP_HOST"))
        try:
            return self._heads[known]
        except KeyError:
            if len(self._heads) >= _MOST_KNOWN:
                self._heads.clear()
            found = self._heads[known] = _usual_headers(environ)
            return found


def _proxys_word() -> str:
    return settings.SECURE_PROXY_SSL_HEADER[0] if settings.SECURE_PROXY_SSL_HEADER else ""


def _usual_headers(environ: WSGIEnvironment) -> Headers | None:
    """Take the headers from the two middlewares that stand before the route, by sending an empty answer through."""
    if not environ.get("HTTP_HOST") or settings.USE_X_FORWARDED_HOST or not _open_to_machines_only():
        return None
    answer = HttpResponse(content_type="application/json; charset=utf-8")

    def empty(request: HttpRequest) -> HttpResponse:
        request.get_host()
        for name, value in MachineRoutesMiddleware(empty).headers.items():
            answer.headers[name] = value
        answer.headers["Content-Length"] = "0"
        return answer

    request = WSGIRequest({**environ, "wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"})
    try:
        passed = SecurityMiddleware(empty)(request)
    except DisallowedHost:
        return None
    if passed is not answer:  # sent to the safe line
        return None
    usual = list(answer.items())
    length = usual.index(("Content-Length", "0"))
    return usual[:length], usual[length + 1 :]


@functools.cache
def _open_to_machines_only() -> bool:
    match = resolve(ADDRESS)
    return audiences_of(match.func, match.namespaces) == {Audience.API_CLIENT}


def _plain(environ: WSGIEnvironment) -> tuple[Caller, PaymentIn, str] | None:
    """Return caller, body and key of a request with nothing wrong, or None; counts it only if so."""
    key, token = environ.get("HTTP_IDEMPOTENCY_KEY", ""), environ.get("HTTP_AUTHORIZATION", "")
    if environ.get("SCRIPT_NAME") or not token.startswith("Bearer ") or not _KEY.match(key):
        return None
    at = timezone.now()
    try:
        caller = clients.token_holder(token=token[7:].strip(), at=at)
        if caller is None or SCOPE not in caller.scopes or (body := _body(environ)) is None:
            return None
        return (caller, body, key) if clients.may_call(caller=caller, at=at) == 0 else None
    except DatabaseError:  # asked again there, by a new connection
        return None


def _body(environ: WSGIEnvironment) -> PaymentIn | None:
    """Read the body; what does not fit is put back for others to read."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not _LENGTH.match(length) or int(length) > _LONGEST:
        return None
    try:
        raw = environ["wsgi.input"].read(int(length))
    except OSError:  # the client has gone; Django says so
        return None
    environ["wsgi.input"] = io.BytesIO(raw)
    if len(raw) != int(length):
        return None
    try:
        found: PaymentIn = _read(raw)
    except ValidationError:
        return None
    return found


def failing(view: View) -> View:
    """Answer a confirmation that failed above as the API answers errors; everything else is `view`'s."""

    def call(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        fault = request.META.get(FAULT)
        return view(request, *args, **kwargs) if fault is None else api.on_exception(request, fault)

    return call
