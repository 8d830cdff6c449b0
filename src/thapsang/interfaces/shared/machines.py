"""Answer machines without what only browsers need.

A bank's call has no session, form token, language, message or account in a browser, so nobody looks for them
(docs/adr/0009-api.md). Only routes that are open to API
clients and the public, and that say so themselves, are taken here; everything else goes the usual way.
"""

from __future__ import annotations

from collections.abc import Callable

from csp.utils import build_policy
from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, ResolverMatch, get_resolver

from thapsang.interfaces.shared.middleware import audiences_of
from thapsang.kit.identity.access import Audience

PREFIX = "/api/"
_OPEN = frozenset({Audience.API_CLIENT, Audience.PUBLIC})


class MachineRoutesMiddleware:
    """Take the API's routes out of the browser's chain; stands right after SecurityMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.headers = {
            "Content-Security-Policy": build_policy(),
            "X-Frame-Options": settings.X_FRAME_OPTIONS,
        }

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a machine's route here, pass on any other."""
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        match = _machines_route(request.path_info)
        if match is None:
            return self.get_response(request)
        request.get_host()  # refuses a name that is not ours, as CommonMiddleware does
        request.resolver_match = match
        response: HttpResponseBase
        try:
            response = match.func(request, *match.args, **match.kwargs)
        except Exception as error:  # an error page carries the same headers as an answer
            response = response_for_exception(request, error)
        for name, value in self.headers.items():
            response.headers.setdefault(name, value)
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


def _machines_route(path: str) -> ResolverMatch | None:
    try:
        match = get_resolver().resolve(path)
    except Resolver404:
        return None
    return match if audiences_of(match.func, match.namespaces) <= _OPEN else None
