"""The public page of prices: what applies today, by which decision."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from thapsang.domain.tariffs import queries as tariffs
from thapsang.interfaces.portal.me import today
from thapsang.kit.identity.access import Audience, allow

WHOLESALE = "wholesale-"


@allow(Audience.PUBLIC)
@require_safe
def prices(request: HttpRequest) -> HttpResponse:
    """Prices in force today."""
    table = tariffs.price_table(on=today(), language=get_language() or "vi")
    wholesale = [c for c in table.categories if c.code.startswith(WHOLESALE)]
    values = {
        "table": table,
        "retail": [c for c in table.categories if c not in wholesale],
        "wholesale": wholesale,
    }
    return render(request, "portal/prices.html", values)
