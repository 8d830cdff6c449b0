"""Routes of the console."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from thapsang.interfaces.console.views import (
    account,
    audit_log,
    customers,
    exceptions,
    home,
    imports,
    runs,
    sign_in,
    staff_desk,
)

app_name = "console"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign-in"),
    path("sign-in/code/", sign_in.code, name="sign-in-code"),
    path("sign-in/enrol/", sign_in.enrol, name="enrol"),
    path("sign-out/", sign_in.sign_out, name="sign-out"),
    path("customers/", customers.search, name="customers"),
    path("customers/<str:code>/", customers.customer, name="customer"),
    path("customers/<str:code>/bills/<str:bill_code>/", customers.bill, name="bill"),
    path("customers/<str:code>/notes/", customers.add_note, name="note"),
    path("customers/<str:code>/contacts/<int:contact_id>/", customers.reveal, name="reveal"),
    path("customers/<str:code>/cash/", customers.collect, name="collect"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<str:month>/", runs.run, name="run"),
    path("runs/<str:month>/progress/", runs.progress, name="run-progress"),
    path("runs/<str:month>/dry-run/", runs.dry_run, name="run-dry"),
    path("runs/<str:month>/start/", runs.start, name="run-start"),
    path("exceptions/", exceptions.exceptions, name="exceptions"),
    path("exceptions/<int:number>/", exceptions.one, name="exception"),
    path("exceptions/<int:number>/take/", exceptions.take, name="exception-take"),
    path("exceptions/<int:number>/resolve/", exceptions.resolve, name="exception-resolve"),
    path("imports/", imports.imports, name="imports"),
    path("imports/new/", imports.upload, name="upload"),
    path("imports/<int:number>/", imports.one, name="import"),
    path("imports/<int:number>/progress/", imports.progress, name="import-progress"),
    path("audit/", audit_log.audit_log, name="audit"),
    path("audit/verify/", audit_log.verify_log, name="audit-verify"),
    path("account/", account.account, name="account"),
    path("staff/", staff_desk.staff_list, name="staff"),
    path("staff/add/", staff_desk.add_member, name="staff-add"),
    path("staff/<str:username>/", staff_desk.change_member, name="staff-change"),
]
