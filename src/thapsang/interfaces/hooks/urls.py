"""Routes of the hooks."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from thapsang.interfaces.hooks import vnpay

app_name = "hooks"
urlpatterns: list[URLPattern | URLResolver] = [
    path("vnpay/ipn", vnpay.notification, name="vnpay-ipn"),
    path("vnpay/return", vnpay.back, name="vnpay-return"),
]
