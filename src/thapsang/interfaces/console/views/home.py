"""What waits for me: by role, the work of today."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from thapsang.domain.billing import queries as billing
from thapsang.domain.metering import queries as metering
from thapsang.domain.payments import queries as payments
from thapsang.domain.payments.queries.days import day_totals
from thapsang.domain.payments.types import Verdict
from thapsang.interfaces.console.desks import AUDITOR, BILLING, CASHIER, EVERYBODY, page
from thapsang.interfaces.console.views.exceptions import titles
from thapsang.kit.audit import queries as audit
from thapsang.kit.identity import staff
from thapsang.kit.identity.access import Audience, allow

DAYS = 14
VERDICTS = {
    Verdict.WRONG_AMOUNT: gettext_lazy("Số tiền khác số đã hỏi"),
    Verdict.SUCCESS_AFTER_FAILURE: gettext_lazy("Báo hỏng rồi lại báo đã trả"),
    Verdict.SECOND_TRANSACTION: gettext_lazy("Trả hai lần cho một lượt"),
    Verdict.UNKNOWN_ORDER: gettext_lazy("Lượt trả không có ở đây"),
}
"""Of a gateway's genuine message that moved no money (docs/operations/provider-down.md)."""


@allow(*EVERYBODY)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what waits for the reader's roles."""
    roles = request.user.audiences  # type: ignore[union-attr]
    values: dict[str, Any] = {}
    if roles & {BILLING, AUDITOR}:
        values |= _billing()
    if roles & {BILLING, AUDITOR, CASHIER}:
        values |= _takings(timezone.localdate())
    if Audience.AUDITOR in roles:
        values["audit_count"] = audit.count()
        values["audit_last"] = audit.entries(limit=5)
    if Audience.ADMINISTRATOR in roles:
        members = staff.members()
        values["members"] = [member for member in members if member.active]
        values["not_enrolled"] = [member for member in members if member.active and not member.second_factor]
    return page(request, "console/home.html", "home", values)


def _billing() -> dict[str, Any]:
    counts = billing.exception_counts()
    runs, files = billing.runs(limit=1), metering.imports()
    run = runs[0] if runs else None
    return {
        "counts": counts, "open_exceptions": sum(counts.values()), "titles": titles(counts),
        "run": run, "now": billing.run_progress(period=run.period) if run else None,
        "files": files[:3],
    }  # fmt: skip


def _takings(today: date) -> dict[str, Any]:
    since = today - timedelta(days=DAYS - 1)
    # An adjusting bill's credit is kept as a payment as well: it is no money that came in.
    rows = [one for one in day_totals(since=since, until=today + timedelta(days=1)) if one.channel != "note"]
    days = [since + timedelta(days=i) for i in range(DAYS)]
    by_day = [sum(row.amount for row in rows if row.day == day) for day in days]
    mine = [row for row in rows if row.day == today]
    return {
        "takings": by_day, "any_taken": any(by_day), "taken": by_day[-1], "taken_count": sum(row.count for row in mine),
        "taken_table": list(zip(days, by_day, strict=True)), "channels": mine, "to_judge": _to_judge(since),
    }  # fmt: skip


def _to_judge(since: date) -> list[tuple[Any, str, datetime]]:
    begin = timezone.make_aware(datetime.combine(since, time()))
    found = payments.to_judge(since=begin)
    return [(VERDICTS[Verdict(one.verdict)], one.reference, one.received_at) for one in found]
