"""All routes, by interface."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from thapsang.interfaces.shared.health import healthz

urlpatterns = [
    path("healthz", healthz),
    path("api/v1/", include("thapsang.interfaces.api.urls")),  # early: banks send the most
    path("", include("thapsang.interfaces.portal.urls")),
    path("console/", include("thapsang.interfaces.console.urls")),
    path("hooks/", include("thapsang.interfaces.hooks.urls")),
    path("admin/", admin.site.urls),
]
