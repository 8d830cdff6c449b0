"""What waits for me: by role, the work of today."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from thapsang.interfaces.console.desks import EVERYBODY, page
from thapsang.kit.identity.access import allow


@allow(*EVERYBODY)
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show what waits for the reader's roles."""
    return page(request, "console/home.html", "home", {})
