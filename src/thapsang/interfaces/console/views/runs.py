"""Bill runs: look before, start, watch, and see what came of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.core.cache import caches
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.queries.teams import TeamTotal, team_totals
from thapsang.domain.billing.types import PeriodError, RunView, month_after, month_before, month_of
from thapsang.interfaces.console.desks import BILLING_READERS, act, page
from thapsang.interfaces.console.listing import csv_file, wants_csv
from thapsang.interfaces.console.views.exceptions import titles
from thapsang.interfaces.shared import jobs
from thapsang.kit.audit.operations import record
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience, allow


@allow(*BILLING_READERS)
@require_safe
def runs(request: HttpRequest) -> HttpResponseBase:
    """List the bill runs, the newest month first."""
    if request.GET.get("month"):
        return redirect("console:run", f"{_month(request.GET['month']):%Y-%m}")
    rows: list[dict[str, Any]] = [{"run": run, **_sums(run)} for run in billing.runs()]
    if wants_csv(request):
        headers = (
            _("kỳ"),
            _("trạng thái"),
            _("hóa đơn"),
            "kWh",
            _("tiền điện"),
            _("thuế"),
            _("cộng"),
            _("bắt đầu"),
        )
        cells = (
            (f"{row['run'].period:%Y-%m}", row["run"].status, *_figures(row), row["run"].started_at)
            for row in rows
        )
        return csv_file("ky-hoa-don", headers, cells)
    last = month_before(timezone.localdate())
    values = {"rows": rows, "last": last, "last_billed": any(row["run"].period == last for row in rows)}
    return page(request, "console/runs.html", "runs", values)


def _sums(run: RunView) -> dict[str, int]:
    categories = run.totals.get("categories", [])
    return {name: sum(row[name] for row in categories) for name in ("bills", "kwh", "net", "vat", "total")}


def _figures(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[name] for name in ("bills", "kwh", "net", "vat", "total"))


@allow(*BILLING_READERS)
@require_safe
def run(request: HttpRequest, month: str) -> HttpResponse:
    """Show a month: the dry run before, the progress during, the sums after."""
    period = _month(month)
    found = billing.run(period=period)
    if wants_csv(request):
        return _teams_file(period)
    values = {**_moving(period), "run": found, "period": period, "categories": _categories(period, found)}
    return page(request, "console/run.html", "runs", values)


@allow(*BILLING_READERS)
@require_safe
def progress(request: HttpRequest, month: str) -> HttpResponse:
    """Answer the page's poll: the part that moves. A run just finished reloads the page, once."""
    period = _month(month)
    values = {"period": period, **_moving(period)}
    response = render(request, "console/run_moving.html", values)
    if not values["moving"]:
        response["HX-Refresh"] = "true"
    return response


def _moving(period: date) -> dict[str, Any]:
    """Return what changes while the worker works."""
    now = billing.run_progress(period=period)
    job, preview = jobs.state(task=jobs.RUN, period=period), jobs.state(task=jobs.DRY_RUN, period=period)
    counts = billing.exception_counts(period=period) if now else {}
    teams = team_totals(period=period)
    return {
        "now": now, "job": job, "preview_job": preview, "moving": job.open or preview.open,
        "counts": counts, "titles": titles(counts), "open_exceptions": sum(counts.values()),
        "teams": teams, "top": max([team.total for team in teams], default=0),
    }  # fmt: skip


def _categories(period: date, found: RunView | None) -> dict[str, Any] | None:
    """Return totals by category against the month before: as billed, or as the dry run computed them."""
    if found and found.status == "finished":
        before = {row.category: row for row in billing.category_totals(period=month_before(period))}
        now = {row["category"]: row for row in found.totals.get("categories", [])}
        rows = [
            _compared(name, now.get(name), vars(before[name]) if name in before else None)
            for name in {*now, *before}
        ]
        return {"billed": True, "rows": sorted(rows, key=lambda row: -row["total"]), "sums": _added(rows)}
    kept = caches["shared"].get(jobs.dry_run_key(period.isoformat()))
    if not kept:
        return None
    rows = [_compared(row["category"], row["now"], row["before"]) for row in kept["categories"]]
    return {
        "billed": False, "rows": sorted(rows, key=lambda row: -row["total"]), "sums": _added(rows),
        "exceptions": kept["exceptions"], "titles": titles(kept["exceptions"]),
        "before_from": kept["before_from"], "reliefs": kept.get("reliefs", []),
    }  # fmt: skip


def _compared(name: str, now: dict[str, Any] | None, before: dict[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"category": name}
    for field in ("bills", "kwh", "total"):
        row[field] = now[field] if now else 0
        row[f"{field}_before"] = before[field] if before else 0
    return _with_change(row)


def _added(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = [f"{field}{when}" for field in ("bills", "kwh", "total") for when in ("", "_before")]
    return _with_change({name: sum(row[name] for row in rows) for name in names})


def _with_change(row: dict[str, Any]) -> dict[str, Any]:
    """Add the change in kWh against the month before, in tenths of a percent (None without one)."""
    before = row["kwh_before"]
    return {**row, "change": round((row["kwh"] - before) * 10_000 / before) if before else None}


@allow(Audience.BILLING)
@require_POST
def dry_run(request: HttpRequest, month: str) -> HttpResponseBase:
    """Ask the worker for a dry run."""
    period = _ended(request, month)
    if period:
        with transaction():
            jobs.hand_over(task=jobs.DRY_RUN, period=period)
    return redirect("console:run", month)


@allow(Audience.BILLING)
@require_POST
def start(request: HttpRequest, month: str) -> HttpResponseBase:
    """Hand the month to the worker; the audit log keeps who started it and why."""
    period = _ended(request, month)
    if period is None:
        return redirect("console:run", month)
    reason = request.POST.get("reason", "").strip()
    with transaction():
        handed = jobs.hand_over(task=jobs.RUN, period=period)
        if handed:
            record(
                action="billing.run-started", subject=f"bill-run:{month}", before=None,
                after={"period": month}, reason=reason, **act(request),
            )  # fmt: skip
    if not handed:
        messages.info(request, _("Kỳ này đang chạy rồi."))
    return redirect("console:run", month)


def _ended(request: HttpRequest, month: str) -> date | None:
    period = _month(month)
    if month_after(period) <= timezone.localdate():
        return period
    told = _("Tháng này chưa hết: chỉ số chỉ đủ từ ngày %(day)s. Chọn tháng trước, hoặc chờ.")
    messages.error(request, told % {"day": f"{month_after(period):%d/%m/%Y}"}, extra_tags="bad")
    return None


def _month(text: str) -> date:
    try:
        return month_of(text)
    except PeriodError as error:
        raise Http404 from error


def _teams_file(period: date) -> HttpResponse:
    headers = (
        _("đội"),
        _("sổ"),
        _("sổ xong"),
        _("điểm"),
        _("điểm xong"),
        _("hóa đơn"),
        _("cần xử lý"),
        "kWh",
        _("cộng"),
    )
    rows: list[TeamTotal] = team_totals(period=period)
    cells = (tuple(vars(row).values()) for row in rows)
    return csv_file(f"ky-{period:%Y-%m}-theo-doi", headers, cells)
