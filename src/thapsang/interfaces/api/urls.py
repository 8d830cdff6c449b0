"""Routes of the API: every one is open to API clients only, who prove themselves by a token."""

from __future__ import annotations

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt

from thapsang.interfaces.api.hot import failing
from thapsang.interfaces.api.problems import respond
from thapsang.interfaces.api.v1 import api, description
from thapsang.kit.identity.access import Audience, allow


def _marked(view: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
    @allow(Audience.API_CLIENT)
    @functools.wraps(view)
    def call(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return respond("method-not-allowed", headers={"Allow": response.headers.get("Allow", "")})
        return response

    return call


@allow(Audience.API_CLIENT)
@csrf_exempt
def nothing(request: HttpRequest) -> HttpResponseBase:
    """Answer an address the API does not have."""
    return respond("not-found", "See the description at /api/v1/openapi.json.")


@allow(Audience.PUBLIC)
def openapi(request: HttpRequest) -> HttpResponseBase:
    """Give the description of the API."""
    return JsonResponse(description())


def _patterns() -> list[URLPattern | URLResolver]:
    found, _, _ = api.urls
    # Without the root's own route, which would answer with a page.
    patterns = [pattern for pattern in found if getattr(pattern, "name", "") != "api-root"]
    for pattern in patterns:
        view: Callable[..., Any] = pattern.callback  # type: ignore[assignment]  # ninja's are always callable
        busiest = isinstance(pattern, URLPattern) and pattern.name == "confirm"
        pattern.callback = _marked(failing(view) if busiest else view)
    return [*patterns, path("openapi.json", openapi), re_path(r"", nothing)]


app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = _patterns()
