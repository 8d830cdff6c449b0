"""The reference-data desk: Django's admin behind the console's own door, under a strict content policy.

Unfold's script library evaluates expressions in attributes, so these pages alone allow `unsafe-eval`;
inline scripts stay forbidden, and the theme's one style element carries a nonce.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.constants import NONCE, SELF
from csp.decorators import csp_update
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from thapsang.interfaces.console import reference_names
from thapsang.kit.identity.access import Audience

HTMX_INDICATORS = "'sha256-bsV5JivYxvGywDAZ22EZJKBFip65Ng9xoJVLbBg7bdo='"
"""The one style element that Unfold's own htmx writes, by its content."""

View = Callable[..., Any]


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]
    """The admin site of the console."""

    index_title = _("Dữ liệu gốc của hệ thống")

    def register(self, model_or_iterable: Any, *args: Any, **options: Any) -> None:
        """Register models, under the names of this desk."""
        super().register(model_or_iterable, *args, **options)
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        for model in models:
            reference_names.name(model)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Wrap a page with its content policy."""
        inner = super().admin_view(view, cacheable)

        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response: HttpResponseBase = inner(request, *args, **kwargs)
            if isinstance(response, TemplateResponse):
                response.add_post_render_callback(lambda rendered: _mark_styles(request, rendered))
            return response

        relaxed = {"script-src": [SELF, "'unsafe-eval'"], "style-src": [SELF, NONCE, HTMX_INDICATORS]}
        return csp_update(relaxed)(wrapped)  # type: ignore[no-any-return]

    def has_permission(self, request: HttpRequest) -> bool:
        """Let administrators in, nobody else."""
        user = request.user
        return bool(user.is_active and user.is_authenticated and Audience.ADMINISTRATOR in user.audiences)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """Send to the console's door: the only one, with two factors."""
        return redirect("console:sign-in")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """End the session as the console does."""
        logout(request)
        return redirect("console:sign-in")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """Send to the console's own page, which writes the audit log."""
        return redirect("console:account")


def _mark_styles(request: HttpRequest, response: TemplateResponse) -> None:
    nonce = str(request.csp_nonce)  # type: ignore[attr-defined]
    response.content = response.content.replace(b"<style", f'<style nonce="{nonce}"'.encode())
