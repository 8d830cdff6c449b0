"""Marks put on views: personal pages are kept by nobody on the way; posts only."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import add_never_cache_headers

View = Callable[..., HttpResponseBase]


def not_kept(view: View) -> View:
    """Forbid every cache to keep the page: it shows somebody's own data."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        add_never_cache_headers(response)
        response.headers["Cache-Control"] = "no-store, private, max-age=0"
        return response

    return wrapped


def sender_of(request: HttpRequest) -> str:
    """Return the network address that asks; behind THAPSANG_PROXIES proxies, the one they saw."""
    return str(get_adapter().get_client_ip(request))
