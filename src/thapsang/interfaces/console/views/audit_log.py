"""The audit log, for auditors: read it, export it, prove it whole."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from thapsang.interfaces.console.desks import page
from thapsang.interfaces.console.listing import EXPORT_MOST, PAGE, csv_file, wants_csv
from thapsang.interfaces.console.templatetags.console import as_json
from thapsang.kit.audit import queries
from thapsang.kit.identity.access import Audience, allow


@allow(Audience.AUDITOR)
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    """List entries, newest first, by actor, action, subject and days."""
    wanted = _wanted(request)
    if wants_csv(request):
        rows = queries.entries(**wanted, limit=EXPORT_MOST)
        headers = (_("số"), _("lúc"), _("người"), _("việc"), _("đối tượng"), _("trước"), _("sau"), _("lý do"))
        return csv_file("nhat-ky", headers, (_row(entry) for entry in rows))
    before = request.GET.get("before", "")
    rows = queries.entries(
        **wanted, before_id=int(before) if before.isdecimal() and len(before) < 19 else None, limit=PAGE
    )
    values = {
        "rows": rows, "older": rows[-1].id if len(rows) == PAGE else None, "asked": request.GET,
        "count": queries.count(),
    }  # fmt: skip
    return page(request, "console/audit.html", "audit", values)


@allow(Audience.AUDITOR)
@require_POST
def verify_log(request: HttpRequest) -> HttpResponse:
    """Read the whole chain and say where it does not hold."""
    outcome = queries.verify()
    values = {"outcome": outcome, "rows": queries.entries(limit=PAGE), "asked": {}, "count": outcome.entries}
    return page(request, "console/audit.html", "audit", values)


def _wanted(request: HttpRequest) -> dict[str, Any]:
    asked = request.GET
    until = _day(asked.get("to", ""))
    return {
        "actor": asked.get("actor", "").strip(), "action": asked.get("action", "").strip(),
        "subject": asked.get("subject", "").strip(), "since": _day(asked.get("from", "")),
        "until": until + timedelta(days=1) if until else None,
    }  # fmt: skip


def _day(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - made aware here


def _row(entry: queries.EntryView) -> tuple[Any, ...]:
    changes = (as_json(entry.before), as_json(entry.after))
    return (entry.id, entry.at, entry.actor_name, entry.action, entry.subject, *changes, entry.reason)
