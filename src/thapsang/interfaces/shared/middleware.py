"""Refuse a route that does not say who may call it, and a caller it is not open to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from thapsang.kit.identity import staff_sessions
from thapsang.kit.identity.access import STAFF, Audience
from thapsang.kit.identity.sessions import SessionStore

SELF_CHECKING = frozenset({Audience.PUBLIC, Audience.API_CLIENT, Audience.PROVIDER})
"""Open at this door: public pages, and routes that check a token or a signature themselves."""

FOREIGN_ROUTES = {"admin": frozenset({Audience.ADMINISTRATOR}), "static": frozenset({Audience.PUBLIC})}
"""Routes of libraries, by URL namespace: their views carry no mark of ours."""

STAFF_SIGN_IN, CUSTOMER_SIGN_IN = "/console/sign-in/", "/sign-in/"


def audiences_of(view: Callable[..., Any], namespaces: list[str]) -> frozenset[Audience]:
    """Return who may call a view. Raises ImproperlyConfigured for a route that does not declare it."""
    inner = getattr(view, "view_class", None)
    declared = getattr(view, "audiences", None) or getattr(inner, "audiences", None)
    if declared:
        return frozenset(declared)
    for namespace in namespaces:
        if namespace in FOREIGN_ROUTES:
            return FOREIGN_ROUTES[namespace]
    name = f"{view.__module__}.{getattr(view, '__qualname__', view)}"
    raise ImproperlyConfigured(f"{name} does not declare its audience: use @allow.")


class AudienceMiddleware:
    """Hold every route to its declared audience.

    A staff member without a session proved by both factors is nobody, on public pages too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on; what a signed-in person sees is kept by nobody on the way."""
        response = self.get_response(request)
        if getattr(request, "_seen_by_one", False) and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store, private"
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Let the caller in, send to sign-in, or refuse with 403."""
        match = request.resolver_match
        audiences = audiences_of(view, match.namespaces if match else [])
        # What a provider sends is kept and judged, whatever it is.
        if Audience.PROVIDER not in audiences and _holds_nul(request):
            raise SuspiciousOperation("A NUL in an address or a form: no text of ours has one.")
        self._ask_along(request, view, kwargs)
        self._end_unproved_session(request)
        if audiences & SELF_CHECKING:
            return None
        if not request.user.is_authenticated:
            return _to_sign_in(request, STAFF_SIGN_IN if audiences & STAFF else CUSTOMER_SIGN_IN)
        if request.user.audiences & audiences:
            request._seen_by_one = True  # type: ignore[attr-defined]
            return None
        raise PermissionDenied

    @staticmethod
    def _ask_along(request: HttpRequest, view: Callable[..., Any], kwargs: dict[str, Any]) -> None:
        """Let the page's questions go with the session's own (`doors.asking`)."""
        asking = getattr(view, "asking", None)
        if asking and request.session.session_key and isinstance(request.session, SessionStore):
            request.session.ask_along(asking(**kwargs))

    @staticmethod
    def _end_unproved_session(request: HttpRequest) -> None:
        if not request.session.session_key:
            return  # nobody signed in, and no query spent on finding out
        user = request.user
        if not (user.is_authenticated and user.is_staff):
            return
        if not staff_sessions.holds(session=request.session, at=timezone.now()):
            logout(request)


def _holds_nul(request: HttpRequest) -> bool:
    """Tell whether an address or a form holds the one letter that the database takes in no text."""
    return (
        "\0" in request.path_info
        or "%00" in request.META.get("QUERY_STRING", "")
        or any("\0" in value for _, values in request.POST.lists() for value in values)
    )


def _to_sign_in(request: HttpRequest, address: str) -> HttpResponseBase:
    """Send to sign-in and back here; a fragment asked for by htmx sends the whole page there."""
    if request.headers.get("HX-Request") == "true":
        answer = HttpResponse(status=401)
        answer["HX-Redirect"] = address
        return answer
    if request.method not in {"GET", "HEAD"}:
        return redirect_to_login("", login_url=address)
    return redirect_to_login(request.get_full_path(), login_url=address)
