"""`/healthz`: does this process answer, and does its database?"""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, JsonResponse

from thapsang.kit.identity.access import Audience, allow


@allow(Audience.PUBLIC)
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})
