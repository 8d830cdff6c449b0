"""Refuse a route that does not say who may call it, and a caller it is not open to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from thapsang.kit.identity.access import STAFF, Audience

SELF_CHECKING = frozenset({Audience.PUBLIC, Audience.API_CLIENT, Audience.PROVIDER})
"""Open at this door: public pages, and routes that check a token or a signature themselves."""

FOREIGN_ROUTES = {"admin": frozenset({Audience.ADMINISTRATOR}), "static": frozenset({Audience.PUBLIC})}
"""Routes of libraries, by URL namespace: their views carry no mark of ours."""


def audiences_of(view: Callable[..., Any], namespaces: list[str]) -> frozenset[Audience]:
    """Return who may call a view. Raises ImproperlyConfigured for a route that does not declare it."""
    declared = getattr(view, "audiences", None) or getattr(getattr(view, "view_class", None), "audiences", None)
    if declared:
        return frozenset(declared)
    for namespace in namespaces:
        if namespace in FOREIGN_ROUTES:
            return FOREIGN_ROUTES[namespace]
    raise ImproperlyConfigured(f"{view.__module__}.{view.__qualname__} does not declare its audience: use @allow.")


class AudienceMiddleware:
    """Hold every route to its declared audience."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Let the caller in, send to sign-in, or refuse with 403."""
        match = request.resolver_match
        audiences = audiences_of(view, match.namespaces if match else [])
        if audiences & SELF_CHECKING:
            return None
        if not request.user.is_authenticated:
            login = "/console/sign-in/" if audiences & STAFF else "/sign-in/"
            return redirect_to_login(request.get_full_path(), login_url=login)
        if request.user.audiences & audiences:
            return None
        raise PermissionDenied
