"""Routes of the console."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from thapsang.interfaces.console.views import audit_log, home, sign_in, staff_desk

app_name = "console"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-in/code/", sign_in.code, name="sign-in-code"),
    path("sign-in/enrol/", sign_in.enrol, name="enrol"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("audit/", audit_log.audit_log, name="audit"),
    path("audit/verify/", audit_log.verify_log, name="audit-verify"),
    path("staff/", staff_desk.staff_list, name="staff"),
    path("staff/add/", staff_desk.add_member, name="staff-add"),
    path("staff/<str:username>/", staff_desk.change_member, name="staff-change"),
]
