"""Relief programmes: drafted, reviewed by a second person, in force, closed; and the lists authorities send."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from thapsang.domain.billing import queries as billing
from thapsang.domain.customers import queries as customers
from thapsang.domain.customers.types import SupplyPointView
from thapsang.domain.network import queries as network
from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.types import ProgrammeView, ReliefError
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.rating import PolicyError
from thapsang.engines.relief import Programme, ReliefBook
from thapsang.interfaces.console import relief_words
from thapsang.interfaces.console.desks import ADMINISTRATOR, BILLING, RELIEF_READERS, act, language, page
from thapsang.interfaces.console.listing import csv_file, wants_csv
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import allow

READERS = RELIEF_READERS
WRITERS = (BILLING, ADMINISTRATOR)
MOST_BYTES = 1 << 20
MOST_LIST_BYTES = 50 << 20


@allow(*READERS)
@require_safe
def reliefs(request: HttpRequest) -> HttpResponseBase:
    """List the programmes and the batches, and ask for a simulation."""
    return reliefs_page(request)


def reliefs_page(request: HttpRequest, problem: str = "", status: int = 200) -> HttpResponseBase:
    """Return the list of programmes and batches, with what was refused, if anything."""
    rows = queries.programmes()
    if wants_csv(request):
        headers = (_("chương trình"), _("tên"), _("trạng thái"), _("từ"), _("đến"), _("soạn"), _("duyệt"))
        cells = (
            (r.code, r.name_vi, r.status, r.valid_from, r.valid_until, r.drafted_by, r.reviewed_by)
            for r in rows
        )
        return csv_file("chuong-trinh-giam", headers, cells)
    values = {
        "rows": [row for row in rows if row.status != "closed"],
        "closed": [row for row in rows if row.status == "closed"],
        "batches": queries.batches(limit=20),
        "months": [run.period for run in billing.runs(limit=12)],
        "waiting": queries.queue_length(),
        "problem": problem,
        "writes": writes(request),
    }
    return page(request, "console/reliefs.html", "reliefs", values, status)


def writes(request: HttpRequest) -> bool:
    """Tell whether the reader may change reliefs."""
    return bool(set(WRITERS) & request.user.audiences)  # type: ignore[union-attr]


@allow(*WRITERS)
@require_POST
def draft(request: HttpRequest) -> HttpResponseBase:
    """Take in a programme's YAML file as a draft."""
    file = request.FILES.get("file")
    try:
        text = _text(file)
        with transaction():
            number = operations.draft(
                file=str(getattr(file, "name", "")), text=text, tariffs=tariffs.current_book(),
                reason=request.POST.get("reason", ""), **act(request),
            )  # fmt: skip
    except (ReliefError, PolicyError) as error:
        return reliefs_page(request, problem=str(error), status=422)
    return redirect("console:relief", number)


def _text(file: object) -> str:
    if not isinstance(file, UploadedFile) or not file.name or not file.name.endswith((".yaml", ".yml")):
        raise ReliefError(_("Chọn một tệp .yaml."))
    if (file.size or 0) > MOST_BYTES:
        raise ReliefError(_("Tệp lớn hơn 1 MB: không phải tệp chương trình."))
    try:
        return bytes(file.read()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReliefError(_("Tệp không phải UTF-8: lưu lại rồi gửi.")) from error


@allow(*READERS)
@require_safe
def relief(request: HttpRequest, number: int) -> HttpResponse:
    """Show a programme: who gets what until when, on which basis, how sure, and its text."""
    return _one(request, number)


def _one(request: HttpRequest, number: int, problem: str = "", status: int = 200) -> HttpResponse:
    found = queries.programme(programme_id=number)
    if found is None:
        raise Http404
    file, text = queries.text_of(programme_id=number)
    values: dict[str, Any] = {"found": found, "text": text, "problem": problem, "writes": writes(request)}
    values["own"] = found.drafted_by == request.user.get_username()
    try:
        book = queries.book_with(tariffs.current_book(), {file: text})
        read = next(p for p in book.programmes if p.code == found.code and p.valid.start == found.valid_from)
        values |= _readable(book, read)
    except PolicyError as error:
        values["fault"] = str(error)
    return page(request, "console/relief.html", "reliefs", values, status)


def _readable(book: ReliefBook, read: Programme) -> dict[str, Any]:
    tongue = language()
    names = {code: named[tongue] for code, named in queries.list_names().items()}
    return {
        "valid": relief_words.valid(read.valid),
        "funding": getattr(read.funding.words, tongue),
        "account": read.funding.account,
        "excludes": read.excludes,
        "base": read.base,
        "doubts": [getattr(doubt.words, tongue) for doubt in read.doubts.values()],
        "rules": [
            {
                "name": getattr(rule.name, tongue), "code": rule.code, "applied": rule.applied,
                "reference": book.reference(rule.reference), "source": rule.source,
                "valid": relief_words.valid(rule.valid) if rule.valid != read.valid else "",
                "threshold": relief_words.threshold(rule.threshold), "what": relief_words.benefit(rule.what),
                "who": [relief_words.group(group, names) for group in rule.who],
                "doubts": [
                    (doubt.confidence, getattr(doubt.words, tongue))
                    for doubt in rule.doubts.values() if doubt not in read.doubts.values()
                ],
            }
            for rule in read.rules
        ],
    }  # fmt: skip


@allow(*WRITERS)
@require_POST
def step(request: HttpRequest, number: int, verb: str) -> HttpResponseBase:
    """Review a draft, put it in force, or close it."""
    book = tariffs.current_book()
    doing: dict[str, Callable[[], object]] = {
        "review": lambda: operations.review(programme_id=number, **act(request)),
        "put-in-force": lambda: operations.put_in_force(programme_id=number, tariffs=book, **act(request)),
        "close": lambda: operations.close(
            programme_id=number, tariffs=book, reason=request.POST.get("reason", ""), **act(request)
        ),
    }
    if verb not in doing:
        raise Http404
    try:
        with transaction():
            doing[verb]()
    except (ReliefError, PolicyError) as error:
        return _one(request, number, problem=str(error), status=422)
    messages.success(request, _("Đã ghi."), extra_tags="good")
    return redirect("console:relief", number)


@allow(*READERS)
@require_http_methods(["GET", "POST"])
def evidence(request: HttpRequest) -> HttpResponseBase:
    """Show the lists and the queue; take in a list."""
    if request.method == "POST":
        if not writes(request):
            raise Http404
        return _take_in(request)
    return _evidence(request)


def _evidence(request: HttpRequest, problem: str = "", status: int = 200) -> HttpResponseBase:
    waiting = queries.queue(limit=20)
    points = {one["point"] for row in waiting for one in row.candidates if "point" in one}
    areas = {one.code: one.name for one in network.communes()}
    known = {one.id: one for one in customers.supply_points(ids=points, on=timezone.localdate())}
    values = {
        "lists": queries.lists(), "queue": [_queued(row, known, areas) for row in waiting],
        "length": queries.queue_length(), "problem": problem, "writes": writes(request),
        "names": {code: names[language()] for code, names in queries.list_names().items()},
        "kinds": queries.list_scopes(),
    }  # fmt: skip
    return page(request, "console/relief_evidence.html", "reliefs", values, status)


def _queued(row: Any, known: dict[int, SupplyPointView], areas: dict[str, str]) -> dict[str, Any]:
    shown = {name: value for name, value in row.given.items() if not name.startswith("_") and value}
    candidates = [_candidate(place, one, known, areas) for place, one in enumerate(row.candidates)]
    return {"row": row, "given": shown, "candidates": candidates}


def _candidate(
    place: int, one: dict[str, Any], known: dict[int, SupplyPointView], areas: dict[str, str]
) -> dict[str, Any]:
    """Return whom or which commune a row may mean, as the register has it."""
    point = known.get(one.get("point", 0))
    holder = customers.customer(customer_id=point.customer_id) if point else None
    area = str(one.get("area", ""))
    name = holder.name if holder else areas.get(area, area)
    return {"place": place, "score": one["score"], "point": point, "name": name}


def _take_in(request: HttpRequest) -> HttpResponseBase:
    file = request.FILES.get("file")
    try:
        if not isinstance(file, UploadedFile) or (file.size or 0) > MOST_LIST_BYTES:
            raise ReliefError(_("Chọn một tệp CSV hoặc XLSX, không quá 50 MB."))
        with transaction():
            outcome = operations.import_list(
                content=file.read(), file_name=file.name or "", code=request.POST.get("list", ""),
                lists=queries.list_scopes(), authority=request.POST.get("authority", ""),
                document=request.POST.get("document", ""), document_date=_day(request, "dated") or timezone.localdate(),
                start=_day(request, "from"), end=_day_after(request, "until"), **act(request),
            )  # fmt: skip
    except ReliefError as error:
        return _evidence(request, problem=str(error), status=422)
    said = _("Đã nhập: %(sure)s chắc chắn, %(unsure)s chờ xem, %(rest)s trả lại.") % {
        "sure": outcome.sure, "unsure": outcome.unsure, "rest": outcome.none + outcome.bad,
    }  # fmt: skip
    messages.success(
        request, _("Tệp này đã nhập rồi: không đổi gì.") if outcome.again else said, extra_tags="good"
    )
    return redirect("console:relief-evidence")


def _day_after(request: HttpRequest, name: str) -> date | None:
    """Return the day after the last one that counts, as periods are kept; people name the last one."""
    last = _day(request, name)
    return last + timedelta(days=1) if last else None


def _day(request: HttpRequest, name: str) -> date | None:
    text = request.POST.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ReliefError(_("Ngày không đọc được: ghi dạng 2026-10-05.")) from error


@allow(*READERS)
@require_safe
def rejected(request: HttpRequest, number: int) -> HttpResponse:
    """Give the rows of a list back that mean nobody here or are wrong, with reason and remedy."""
    rows = queries.rejected(list_id=number)
    names = [n for n in dict.fromkeys(name for row in rows for name in row.given) if not n.startswith("_")]
    cells = ([*(row.given.get(n, "") for n in names), row.number, row.problem, row.remedy] for row in rows)
    return csv_file(f"danh-sach-{number}-tra-lai", [*names, _("dòng"), _("lý do"), _("cách sửa")], cells)


@allow(*WRITERS)
@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponseBase:
    """Decide an unsure row: which candidate is meant, or none."""
    choice = request.POST.get("choice", "")
    try:
        with transaction():
            operations.decide_row(
                row_id=number,
                choice=int(choice) if choice.isdecimal() and len(choice) < 19 else None,
                **act(request),
            )
    except ReliefError as error:
        return _evidence(request, problem=str(error), status=422)
    return redirect("console:relief-evidence")


def programmes_named(numbers: list[str]) -> list[ProgrammeView]:
    """Return the programmes with these numbers, as a form gives them."""
    found = [queries.programme(programme_id=int(number)) for number in numbers if number.isdecimal()]
    return [one for one in found if one]
