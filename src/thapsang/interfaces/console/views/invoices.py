"""The desk of e-invoices: a month's state, what was rejected, a day's reconciliation, the key, the packs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from thapsang.domain.billing.types import PeriodError, bill_code, month_before, month_of, parts
from thapsang.domain.invoices import queries
from thapsang.domain.invoices.queries.batches import pack as pack_of
from thapsang.domain.invoices.types import (
    AuthorityRefusedError,
    AuthorityUnreachableError,
    DaySheet,
    InvoicesError,
    InvoiceView,
)
from thapsang.domain.network.queries import books
from thapsang.interfaces.console.desks import BILLING, INVOICE_READERS, act, page
from thapsang.interfaces.console.listing import PAGE, csv_file, wants_csv
from thapsang.interfaces.shared import jobs
from thapsang.journeys import deliver_bills, hand_over_invoices, issue_invoices
from thapsang.journeys.watch_key import key_state
from thapsang.kit.audit.operations import record
from thapsang.kit.db.transactions import transaction
from thapsang.kit.files import operations as files
from thapsang.kit.identity.access import allow

STATES = ("numbered", "signed", "sent", "accepted", "rejected", "unanswered")
STATE_WORDS = {
    "numbered": lazy("đã đánh số"), "signed": lazy("đã ký"), "sent": lazy("đã gửi"), "waiting": lazy("chờ trả lời"),
    "accepted": lazy("được cấp mã"), "rejected": lazy("bị từ chối"), "unanswered": lazy("không trả lời"),
    "not sent": lazy("chưa gửi"), "not there": lazy("không có"),
}  # fmt: skip
MESSAGES = {
    "ready": lazy("chờ gửi"), "received": lazy("chờ trả lời"), "answered": lazy("đã trả lời"),
    "refused": lazy("bị trả lại cả thông điệp"), "given-up": lazy("thôi gửi"),
}  # fmt: skip


@allow(*INVOICE_READERS)
@require_safe
def months(request: HttpRequest) -> HttpResponseBase:
    """List the months, with the key's state and what waits for an officer."""
    if request.GET.get("month"):
        return redirect("console:invoices-month", f"{_month(request.GET['month']):%Y-%m}")
    if request.GET.get("day"):
        return redirect("console:invoices-day", f"{_day(request.GET['day']):%Y-%m-%d}")
    rows = [found for period in queries.batches() if (found := queries.progress(period=period))]
    if wants_csv(request):
        headers = (_("kỳ"), _("trạng thái"), _("hóa đơn"), _("tổng tiền"), *STATES)
        cells = (
            (f"{r.period:%Y-%m}", r.status, r.invoices, r.total, *(r.statuses.get(s, 0) for s in STATES))
            for r in rows
        )
        return csv_file("hoa-don-dien-tu", headers, cells)
    values = {
        "rows": [(row, _counts(row.statuses)) for row in rows], "message_words": MESSAGES,
        "key": key_state(at=timezone.now()), "stuck": queries.stuck_messages(),
        "rejected": len(queries.rejected()), "last": month_before(timezone.localdate()),
        "today": timezone.localdate(), "invented": queries.current_policy().invented,
    }  # fmt: skip
    return page(request, "console/invoices.html", "invoices", values)


def _picture(sheet: DaySheet) -> tuple[int, int, int]:
    """Return a day's well, waiting and wrong for its picture."""
    return sheet.accepted, len(sheet.waiting), len(sheet.rejected) + len(sheet.unanswered)


def _counts(statuses: Mapping[str, int]) -> list[int]:
    """Return how many of a month wait, are accepted, rejected, unanswered; and the last two together."""
    counts = [statuses.get(state, 0) for state in STATES]
    return [sum(counts[:3]), *counts[3:], sum(counts[4:])]


@allow(*INVOICE_READERS)
@require_safe
def month(request: HttpRequest, month: str) -> HttpResponseBase:
    """Show a month: how far it is, what hinders, the packs."""
    period = _month(month)
    hindered = [(bill_code(o.bill_id), o) for o in queries.obstacles(period=period)]
    if wants_csv(request):
        headers = (_("hóa đơn tiền điện"), _("phần tử"), _("lỗi"), _("việc cần làm"))
        cells = ((code, o.element, o.problem, o.remedy) for code, o in hindered)
        return csv_file(f"chua-phat-hanh-{month}", headers, cells)
    packs = queries.packs(period=period)
    values = {
        **_moving(period), "hindered": hindered, "packs": packs[:PAGE], "pack_count": len(packs),
        "key": key_state(at=timezone.now()),
    }  # fmt: skip
    return page(request, "console/invoices_month.html", "invoices", values)


@allow(*INVOICE_READERS)
@require_safe
def progress(request: HttpRequest, month: str) -> HttpResponse:
    """Answer the page's poll: the part that moves. A month just finished reloads the page, once."""
    values = _moving(_month(month))
    response = render(request, "console/invoices_moving.html", values)
    if not values["moving"]:
        response["HX-Refresh"] = "true"
    return response


def _moving(period: date) -> dict[str, Any]:
    now, job = queries.progress(period=period), jobs.state(task=jobs.ISSUE, period=period)
    states = [(state, now.statuses.get(state, 0)) for state in STATES] if now else []
    return {"period": period, "now": now, "job": job, "moving": job.open, "states": states}


@allow(BILLING)
@require_POST
def start(request: HttpRequest, month: str) -> HttpResponseBase:
    """Hand the month to the worker; the audit log keeps who started it and why."""
    period = _month(month)
    try:
        issue_invoices.demand_key(timezone.now())
    except ValueError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("console:invoices-month", month)
    with transaction():
        handed = jobs.hand_over(task=jobs.ISSUE, period=period)
        if handed:
            record(
                action="invoices.issue-started", subject=f"invoices:{month}", before=None, after={"period": month},
                reason=request.POST.get("reason", "").strip(), **act(request),
            )  # fmt: skip
    if not handed:
        messages.info(request, _("Kỳ này đang được phát hành rồi."))
    return redirect("console:invoices-month", month)


@allow(*INVOICE_READERS)
@require_safe
def rejected(request: HttpRequest) -> HttpResponse:
    """List what the tax authority rejected and nothing has replaced yet, with the reason and what to do."""
    rows = [(view, bill_code(view.bill_id)) for view in queries.rejected()]
    if wants_csv(request):
        headers = (_("hóa đơn"), _("hóa đơn tiền điện"), _("ngày lập"), _("tổng tiền"), _("lý do"))
        cells = ((v.name, code, v.issued_on, v.total, v.rejection) for v, code in rows)
        return csv_file("bi-tu-choi", headers, cells)
    return page(request, "console/invoices_rejected.html", "invoices", {"rows": rows})


@allow(BILLING)
@require_POST
def replace(request: HttpRequest, number: int) -> HttpResponseBase:
    """Put another invoice in the place of a rejected one, and have its month signed."""
    try:
        made = issue_invoices.replace(
            invoice_id=number, reason=request.POST.get("reason", ""), **act(request)
        )
    except InvoicesError as error:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("console:invoices-rejected")
    with transaction():
        jobs.hand_over(task=jobs.ISSUE, period=_period_of(made))
    view: InvoiceView | None = queries.invoice(invoice_id=made)
    told = _("Đã đánh số hóa đơn thay thế %(name)s; đang ký.")
    messages.success(request, told % {"name": view.name if view else ""}, extra_tags="good")
    return redirect("console:invoices-rejected")


@allow(*INVOICE_READERS)
@require_safe
def day(request: HttpRequest, day: str) -> HttpResponse:
    """Reconcile a day: what was sent against what became of it, and against the authority's own list."""
    wanted, problem = _day(day), ""
    try:
        sheet = hand_over_invoices.reconcile(day=wanted)
    except (AuthorityUnreachableError, AuthorityRefusedError) as error:
        sheet, problem = hand_over_invoices.reconcile(day=wanted, ask=False), str(error)
    if wants_csv(request):
        rows = [(name, "rejected", why) for name, why in sheet.rejected]
        rows += [(name, "unanswered", "") for name in sheet.unanswered]
        rows += [(name, ours, theirs) for name, ours, theirs in sheet.differences]
        return csv_file(f"doi-soat-{day}", (_("hóa đơn"), _("ở đây"), _("lý do, hoặc ở cơ quan thuế")), rows)
    values = {"sheet": sheet, "problem": problem, "state_words": STATE_WORDS, "picture": _picture(sheet)}
    return page(request, "console/invoices_day.html", "invoices", values)


@allow(*INVOICE_READERS)
@require_safe
def pack(request: HttpRequest, number: int) -> HttpResponseBase:
    """Download a pack of signed invoices; the audit log keeps who took it."""
    found = pack_of(pack_id=number)
    if found is None:
        raise Http404
    try:
        content = files.open_file(sha256=found.sha256)
    except files.FileGoneError as error:
        raise Http404 from error
    with transaction():
        record(
            action="invoices.pack-taken", subject=f"invoice-pack:{found.name}", before=None,
            after={"invoices": found.invoices}, reason="", **act(request),
        )  # fmt: skip
    return FileResponse(content, as_attachment=True, filename=found.name.replace("/", "_"))


@allow(*INVOICE_READERS)
@require_safe
def book(request: HttpRequest, month: str, code: str) -> HttpResponseBase:
    """Make the printer's archive of one reading book and download it; the audit log keeps who took it."""
    found = next(iter(books(codes=[code])), None)
    with tempfile.TemporaryDirectory(prefix="thapsang-archive-") as folder:
        made = (
            deliver_bills.archive_book(period=_month(month), book=found, folder=Path(folder))
            if found
            else None
        )
        if made is None:
            raise Http404
        content = made.open("rb")  # stays readable after its folder is gone
    with transaction():
        record(
            action="invoices.archive-taken", subject=f"invoice-archive:{month}/{code}", before=None, after=None,
            reason="", **act(request),
        )  # fmt: skip
    return FileResponse(content, as_attachment=True, filename=f"{month}_{code}.zip")


def _period_of(invoice_id: int) -> date:
    return parts(invoice_id // 10).period


def _month(text: str) -> date:
    try:
        return month_of(text)
    except PeriodError as error:
        raise Http404 from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Http404 from error
