"""Simulating reliefs, batches with live progress, and why a customer got what they did."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

from django.core.cache import caches
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from thapsang.domain.billing.types import BillingError, bill_code, month_of
from thapsang.domain.customers import queries as customers
from thapsang.domain.reliefs import queries
from thapsang.domain.reliefs.types import GRANTING, TAKING_BACK, BatchView, ReliefError, UnknownBatchError
from thapsang.engines.rating import PolicyError
from thapsang.interfaces.console import relief_pictures, relief_words
from thapsang.interfaces.console.desks import CUSTOMER_READERS, act, language, page
from thapsang.interfaces.console.views.relief import READERS, WRITERS, programmes_named, reliefs_page, writes
from thapsang.interfaces.shared import relief_jobs as jobs
from thapsang.interfaces.shared import words
from thapsang.journeys import relieve_months
from thapsang.kit.identity.access import allow

WHY_READERS = tuple({*CUSTOMER_READERS, *READERS})


@allow(*READERS)
@require_POST
def simulate(request: HttpRequest) -> HttpResponseBase:
    """Hand a simulation of the chosen programmes and months to the worker, and show its page."""
    chosen = programmes_named(request.POST.getlist("programme"))
    months = _months(request)
    if not chosen or not months:
        return redirect("console:reliefs")
    if request.POST.get("mode") == "beside":
        variants, names = [[f"#{one.id}"] for one in chosen], [f"{one.code} #{one.id}" for one in chosen]
    else:
        variants, names = [[f"#{one.id}" for one in chosen]], [", ".join(one.code for one in chosen)]
    key = uuid.uuid4().hex
    jobs.hand_over_simulation(key=key, variants=variants, names=names, months=months)
    return redirect("console:relief-simulation", key)


def _months(request: HttpRequest) -> list[date]:
    found = []
    for text in request.POST.getlist("month"):
        try:
            found.append(month_of(text))
        except BillingError:
            continue
    return found


@allow(*READERS)
@require_safe
def simulation(request: HttpRequest, key: str) -> HttpResponse:
    """Show a simulation: who, where, how much, variants beside each other."""
    kept = caches["shared"].get(jobs.simulation_key(key))
    state = jobs.simulation_state(key=key)
    values: dict[str, Any] = {"key": key, "job": state, "kept": kept}
    if kept and kept["variants"]:
        values |= pictured(kept["variants"])
        values["months"] = [date.fromisoformat(month) for month in kept["months"]]
    template = (
        "console/relief_result.html"
        if request.headers.get("HX-Request")
        else "console/relief_simulation.html"
    )
    if request.headers.get("HX-Request"):
        response = render(request, template, values)
        if kept:
            response["HX-Refresh"] = "true"
        return response
    return page(request, template, "reliefs", values)


def pictured(variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Put variants side by side: one row a category and a team, a picture of each distribution."""
    for one in variants:
        bars = one["distribution"]["bars"]
        one["picture"] = relief_pictures.histogram(
            [bar["points"] for bar in bars], first="0", last=words.dong(bars[-1]["from"]) + "+",
            label=_("Số hóa đơn theo số tiền được giảm"),
        ) if bars else ""  # fmt: skip
        one["worth"] = one["total"]["amount"] + one["total"]["vat"] + one["total"]["cash"]
    tables = [
        {"key": key, "title": title, "head": head, **_beside(variants, key, say)}
        for key, title, head, say in (
            ("category", _("Theo mục đích sử dụng"), _("Mục đích"), words.category),
            ("month", _("Theo tháng"), _("Tháng"), _month_words),
            ("team", _("Theo đội quản lý điện lực khu vực"), _("Đội"), str),
        )
    ]
    return {"variants": variants, "tables": tables, "top_worth": max(one["worth"] for one in variants)}


def _month_words(month: str) -> str:
    return words.month(month_of(month))


def _beside(variants: list[dict[str, Any]], key: str, say: Callable[[str], str]) -> dict[str, Any]:
    rows = f"by_{key}"
    names = list(dict.fromkeys(row[key] for one in variants for row in one[rows]))
    table: list[dict[str, Any]] = []
    for name in names:
        cells: list[dict[str, int]] = []
        for one in variants:
            row = next((row for row in one[rows] if row[key] == name), None)
            worth = row["amount"] + row["vat"] + row["cash"] if row else 0
            cells.append({"points": row["points"] if row else 0, "worth": worth})
        table.append({"name": say(name), "cells": cells})
    top = max([cell["worth"] for row in table for cell in row["cells"]], default=0)
    return {"rows": table, "top": top}


@allow(*WRITERS)
@require_POST
def ask(request: HttpRequest) -> HttpResponseBase:
    """Ask for a batch of programmes in force; the worker computes it, somebody else approves it."""
    chosen = programmes_named(request.POST.getlist("programme"))
    try:
        number = relieve_months.ask(
            programmes=[one.code for one in chosen if one.status == "in-force"], months=_months(request),
            name=request.POST.get("name", "")[:120] or ", ".join(one.code for one in chosen),
            reason=request.POST.get("reason", ""), **act(request),
        )  # fmt: skip
    except (ReliefError, PolicyError) as error:
        return reliefs_page(request, problem=str(error), status=422)
    jobs.hand_over_batch(task=jobs.COMPUTE, batch=number)
    return redirect("console:relief-batch", number)


@allow(*READERS)
@require_safe
def batch(request: HttpRequest, number: int) -> HttpResponse:
    """Show a batch: what it would come to, who asked and approved, progress, and what it granted."""
    return _batch(request, number)


def _batch(request: HttpRequest, number: int, problem: str = "", status: int = 200) -> HttpResponse:
    values = _moving(number)
    found: BatchView = values["found"]
    if found.totals.get("distribution"):
        values |= pictured([dict(found.totals)])
    me = request.user.get_username()
    values |= {
        "problem": problem, "writes": writes(request), "asked_myself": found.asked_by == me,
        "reversal_myself": found.reverse_asked_by == me, "granted": queries.by_programme(batch_id=number),
    }  # fmt: skip
    return page(request, "console/relief_batch.html", "reliefs", values, status)


def _moving(number: int) -> dict[str, Any]:
    """Return what changes while the worker works."""
    try:
        found = queries.batch(batch_id=number)
    except UnknownBatchError as error:
        raise Http404 from error
    states = {task: jobs.batch_state(task=task, batch=number) for task in (jobs.COMPUTE, jobs.RUN)}
    phases = [queries.progress(batch_id=number, phase=phase) for phase in (GRANTING, TAKING_BACK)]
    return {
        "found": found, "compute_job": states[jobs.COMPUTE], "run_job": states[jobs.RUN],
        "moving": any(state.open for state in states.values()), "phases": [one for one in phases if one.books],
        "failed": queries.failed_books(batch_id=number, phase=phases[1].phase if phases[1].books else GRANTING)[:10],
    }  # fmt: skip


@allow(*READERS)
@require_safe
def progress(request: HttpRequest, number: int) -> HttpResponse:
    """Answer the page's poll: the part that moves. A batch just done reloads the page, once."""
    values = _moving(number)
    response = render(request, "console/relief_batch_moving.html", values)
    if not values["moving"]:
        response["HX-Refresh"] = "true"
    return response


@allow(*WRITERS)
@require_POST
def batch_step(request: HttpRequest, number: int, verb: str) -> HttpResponseBase:
    """Compute again, approve, refuse, go on, or ask to reverse."""
    reason = request.POST.get("reason", "")
    doing: dict[str, Callable[[], object]] = {
        "compute": lambda: jobs.hand_over_batch(task=jobs.COMPUTE, batch=number),
        "approve": lambda: _approve(request, number),
        "go-on": lambda: jobs.hand_over_batch(task=jobs.RUN, batch=number),
        "refuse": lambda: relieve_months.refuse(batch_id=number, reason=reason, **act(request)),
        "reverse": lambda: relieve_months.ask_reversal(batch_id=number, reason=reason, **act(request)),
    }  # fmt: skip
    if verb not in doing:
        raise Http404
    _moving(number)
    try:
        doing[verb]()
    except ReliefError as error:
        return _batch(request, number, problem=str(error), status=422)
    return redirect("console:relief-batch", number)


def _approve(request: HttpRequest, number: int) -> None:
    relieve_months.approve(batch_id=number, **act(request))
    jobs.hand_over_batch(task=jobs.RUN, batch=number)


@allow(*WHY_READERS)
@require_safe
def why(request: HttpRequest, code: str, month: str, sequence: int = 0) -> HttpResponse:
    """Tell rule by rule why a supply point's bill of a month, or a final bill, got or did not get relief."""
    try:
        period = month_of(month)
        point = customers.find_supply_point(code=code, on=period)
        if point is None:
            raise Http404
        told = relieve_months.explain(supply_point_id=point.id, month=period, sequence=sequence)
    except (BillingError, ReliefError, PolicyError) as error:
        values: dict[str, Any] = {"problem": str(error), "code": code, "period": None}
        return page(request, "console/relief_why.html", "reliefs", values, 422)
    tongue = language()
    names = {code: named[tongue] for code, named in queries.list_names().items()}
    programmes = {one.code: getattr(one.name, tongue) for one in told.book.programmes}
    rules = {(one.code, rule.code): rule for one in told.book.programmes for rule in one.rules}
    shown = [(met, rules[met.programme, met.rule]) for met in told.why.rules]
    values = {
        "point": point, "code": code, "period": period, "told": told, "bill": bill_code(told.bill_id),
        "rules": [
            {
                "rule": met, "programme": programmes[met.programme], "name": getattr(rule.name, tongue),
                "findings": [relief_words.finding(one, rule, names) for one in met.findings],
            }
            for met, rule in sorted(shown, key=lambda pair: not pair[0].granted)
        ],
    }  # fmt: skip
    return page(request, "console/relief_why.html", "reliefs", values)
