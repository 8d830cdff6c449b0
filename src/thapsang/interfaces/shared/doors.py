"""Marks put on views: personal pages are kept by nobody on the way; posts only."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import add_never_cache_headers

from thapsang.kit.db.questions import Question
from thapsang.kit.identity.sessions import SessionStore

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


def asking(questions: Callable[..., Sequence[Question[Any]]]) -> Callable[[View], View]:
    """State what a page wants to know of the database, to be asked in the round trip that reads the session.

    `questions` takes what the page's address holds, and gives none where that is wrong. The page finds the answers
    with `told_along` and may show nothing of them before it knows who reads.
    """

    def mark(view: View) -> View:
        view.asking = questions  # type: ignore[attr-defined]
        return view

    return mark


def told_along(request: HttpRequest) -> tuple[Any, ...] | None:
    """Return the answers to what the page asked along; None if the session was read before it could."""
    session = request.session
    return session.told_along() if isinstance(session, SessionStore) else None


def sender_of(request: HttpRequest) -> str:
    """Return the network address that asks; behind THAPSANG_PROXIES proxies, the one they saw."""
    return str(get_adapter().get_client_ip(request))
