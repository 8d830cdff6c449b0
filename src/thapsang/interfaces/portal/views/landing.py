"""The first page, the language, and what the installed app needs."""

from __future__ import annotations

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import set_language

from thapsang.interfaces.shared.distributor import distributor
from thapsang.kit.identity.access import Audience, allow

KEPT = (
    "shared/tokens.css",
    "shared/components.css",
    "portal/portal.css",
    "portal/offline.js",
    "shared/fonts/be-vietnam-pro-400.woff2",
    "shared/fonts/be-vietnam-pro-600.woff2",
    "shared/icons/lamp.svg",
)
"""What the offline page is made of."""


@allow(Audience.PUBLIC)
@require_safe
def landing(request: HttpRequest) -> HttpResponseBase:
    """Xem hóa đơn, trả tiền; a customer who is signed in goes straight home."""
    if request.user.is_authenticated and not request.user.is_staff:
        return redirect("portal:home")
    return render(request, "portal/landing.html")


@allow(Audience.PUBLIC)
@require_POST
def language(request: HttpRequest) -> HttpResponseBase:
    """Change the language, and go back to the page it was asked on."""
    return set_language(request)


@allow(Audience.PUBLIC)
@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """Describe the installable app."""
    who = distributor()
    icons = [
        {
            "src": staticfiles_storage.url(f"shared/icons/lamp-{size}.png"),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }
        for size, purpose in ((192, "any"), (512, "any"), (512, "maskable"))
    ]
    for entry in icons:
        if entry["purpose"] == "maskable":
            entry["src"] = staticfiles_storage.url("shared/icons/lamp-maskable-512.png")
    content = {
        "id": "/",
        "name": who.name,
        "short_name": who.short_name,
        "lang": "vi",
        "start_url": "/home/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#fbf8f2",
        "theme_color": "#fbf8f2",
        "icons": icons,
        "description": gettext("Xem hóa đơn và trả tiền điện."),
    }
    return JsonResponse(content, content_type="application/manifest+json")


@allow(Audience.PUBLIC)
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """Serve the service worker from the root, so that its scope is the whole portal."""
    found = finders.find("portal/service-worker.js")
    with open(str(found), encoding="utf-8") as file:  # noqa: PTH123 - a static file found by Django
        text = file.read()
    kept = [staticfiles_storage.url(name) for name in KEPT]
    text = text.replace('"__KEPT__"', ", ".join(f'"{url}"' for url in kept))
    return HttpResponse(
        text, content_type="text/javascript; charset=utf-8", headers={"Cache-Control": "no-cache"}
    )


@allow(Audience.PUBLIC)
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Show what is kept for when there is no network; the worker fills in the last bill seen."""
    return render(request, "portal/offline.html")
