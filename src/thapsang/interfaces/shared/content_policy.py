"""The Content-Security-Policy header: written once, unless a page asks for another."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

_OWN = ("_csp_config", "_csp_update", "_csp_replace", "_csp_exempt")


class ContentPolicyMiddleware(CSPMiddleware):  # type: ignore[misc]
    """As django-csp, which writes the header anew each time; here that is done for pages with a word of their own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)
        self.usual = build_policy()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Put the header on the answer."""
        own = "_csp_nonce" in request.__dict__ or any(name in response.__dict__ for name in _OWN)
        if own or settings.DEBUG or HEADER in response.headers:
            changed: HttpResponseBase = super().process_response(request, response)
            return changed
        response.headers[HEADER] = self.usual
        return response
