"""What I allow: read what is asked, agree, take it back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods

from thapsang.domain.customers.queries import ConsentText, consent_texts
from thapsang.interfaces.portal.me import Me, me
from thapsang.interfaces.shared.doors import not_kept
from thapsang.journeys import give_consent
from thapsang.kit.identity.access import Audience, allow


@allow(Audience.CUSTOMER)
@not_kept
@require_http_methods(["GET", "POST"])
def consents(request: HttpRequest) -> HttpResponseBase:
    """Show what is asked and what was answered; take an answer."""
    mine = me(request)
    if request.method == "GET":
        return _page(request, mine)
    purpose = request.POST.get("purpose", "")
    try:
        problem = _answer(request, mine, purpose)
    except give_consent.UnknownPurposeError:
        problem = gettext("Nội dung đã thay đổi. Vui lòng đọc lại rồi chọn.")
    if problem:
        return _page(request, mine, purpose, problem)
    return redirect("portal:contact" if request.POST.get("back") == "contact" else "portal:consents")


def _answer(request: HttpRequest, mine: Me, purpose: str) -> str:
    """Do what was asked for; return what was wrong with it, or nothing."""
    if request.POST.get("answer") == "withdraw":
        give_consent.take_back(customer_ids=mine.customer_ids, purpose=purpose, at=timezone.now())
        return ""
    if request.POST.get("agree") != "yes":
        return gettext("Đánh dấu vào ô đồng ý trước, nếu quý khách muốn.")
    give_consent.give(
        customer_ids=mine.customer_ids, purpose=purpose, shown=request.POST.get("shown", ""),
        language=_language(), session=request.session.session_key or "", at=timezone.now(),
    )  # fmt: skip
    return ""


def _page(request: HttpRequest, mine: Me, purpose: str = "", problem: str = "") -> HttpResponse:
    values = {"asked": asked(mine), "wrong": purpose, "problem": problem, "here": "account"}
    return render(request, "portal/consents.html", values, status=422 if problem else 200)


def asked(mine: Me) -> list[tuple[ConsentText, object]]:
    """Return the texts of all purposes in the reader's language, and since when all my customers agree, or None."""
    return [(text, _since(mine, text.purpose)) for text in consent_texts(language=_language())]


def _since(mine: Me, purpose: str) -> object:
    """Return since when all my customers agree; None when one of them does not."""
    given = [give_consent.in_force(customer_id=one, purpose=purpose) for one in mine.customer_ids]
    times = [found[1] for found in given if found]
    return max(times) if given and len(times) == len(given) else None


def _language() -> str:
    return get_language() or "vi"
