"""Files of readings: hand one in, watch it go in, fetch back the rows that did not."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from thapsang.domain.metering import operations as meters
from thapsang.domain.metering import queries as metering
from thapsang.domain.metering.queries import ImportView
from thapsang.interfaces.console.desks import AUDITOR, BILLING, BILLING_READERS, act, language, page
from thapsang.interfaces.console.listing import PAGE, csv_file, wants_csv
from thapsang.kit.audit.operations import record
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import allow

MOST_BYTES = 1 << 30
SUFFIXES = (".csv", ".parquet")


@allow(*BILLING_READERS)
@require_safe
def imports(request: HttpRequest) -> HttpResponse:
    """List the files handed in, the newest first."""
    rows = metering.imports(language=language())
    if wants_csv(request):
        headers = (_("tệp"), _("trạng thái"), _("dòng"), _("nhận"), _("đã có"), _("trả lại"), _("lúc"))
        cells = ((r.name, r.status, r.rows, r.accepted, r.repeated, r.rejected, r.started_at) for r in rows)
        return csv_file("nhap-chi-so", headers, cells)
    return _page(request)


def _page(request: HttpRequest, problem: str = "") -> HttpResponse:
    values = {"rows": metering.imports(language=language()), "problem": problem}
    return page(request, "console/imports.html", "imports", values, status=422 if problem else 200)


@allow(BILLING)
@require_http_methods(["POST"])
def upload(request: HttpRequest) -> HttpResponseBase:
    """Keep a file and hand it to the worker; the audit log keeps who did."""
    given = request.FILES.get("file")
    if not isinstance(given, UploadedFile) or not (given.name or "").lower().endswith(SUFFIXES):
        return _page(request, _("Chọn một tệp CSV hoặc Parquet."))
    if not given.size or given.size > MOST_BYTES:
        return _page(request, _("Tệp trống hoặc quá 1 GB: kiểm tra tệp, hoặc chia nhỏ."))
    by, name = act(request), Path(given.name or "").name
    with tempfile.NamedTemporaryFile(suffix=Path(name).suffix) as spool:
        for piece in given.chunks():
            spool.write(piece)
        spool.flush()
        import_id = meters.queue_file(Path(spool.name), name=name, at=by["at"])
    with transaction():
        record(
            action="metering.import-handed-in", subject=f"reading-import:{import_id}", before=None,
            after={"name": name, "bytes": given.size}, reason=request.POST.get("reason", ""), **by,
        )  # fmt: skip
    messages.success(request, _("Đã nhận tệp; đang đọc."), extra_tags="good")
    return redirect("console:import", import_id)


@allow(*BILLING_READERS)
@require_safe
def one(request: HttpRequest, number: int) -> HttpResponseBase:
    """Show one file: how far it is, what went in, what came back and why."""
    found = _found(number)
    if wants_csv(request):
        return _rejected_file(found)
    offset = int(text) if (text := request.GET.get("from", "")).isdecimal() and len(text) < 10 else 0
    rows = metering.rejections(import_id=number, limit=PAGE + 1, offset=offset, language=language())
    values = {
        "found": found, "rows": rows[:PAGE], "next_from": offset + PAGE if len(rows) > PAGE else None,
        "moving": _moving(found),
    }  # fmt: skip
    return page(request, "console/import.html", "imports", values)


@allow(BILLING, AUDITOR)
@require_safe
def progress(request: HttpRequest, number: int) -> HttpResponse:
    """Answer the page's poll; a file just finished reloads the page, once."""
    found = _found(number)
    response = render(request, "console/import_moving.html", {"found": found, "moving": _moving(found)})
    if not _moving(found):
        response["HX-Refresh"] = "true"
    return response


def _moving(found: ImportView) -> bool:
    return found.status in {"queued", "running"}


def _found(number: int) -> ImportView:
    found = metering.reading_import(import_id=number, language=language())
    if found is None:
        raise Http404
    return found


def _rejected_file(found: ImportView) -> HttpResponseBase:
    """Return the rejected rows as they came, with reason and remedy: mended, the file is imported again."""
    pieces = (piece.encode() for piece in metering.rejected_csv(import_id=found.id, language=language()))
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="tra-lai-{found.id}.csv"'
    return response
