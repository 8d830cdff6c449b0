"""Credit paid back: see what is left, ask for it, follow it, take the wish back. Left alone, it pays the next bill."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from thapsang.domain.customers.types import CustomerView
from thapsang.domain.payments.operations import refunds as operations
from thapsang.domain.payments.queries import refunds as queries
from thapsang.domain.payments.queries.refunds import RefundView, UnknownRefundError
from thapsang.domain.payments.types import PaymentError
from thapsang.interfaces.portal.me import Me, me
from thapsang.interfaces.shared.doors import not_kept
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience, allow

SHOWN = 10


@dataclass(frozen=True)
class Mine:
    """One of my customers: what can be paid back (đồng), and the refunds asked for, the newest first."""

    customer: CustomerView
    most: int
    refunds: list[RefundView]

    @property
    def waiting(self) -> bool:
        """Tell whether one is asked for and not sent yet."""
        return any(one.status in {"asked", "approved"} for one in self.refunds)


@allow(Audience.CUSTOMER)
@not_kept
@require_http_methods(["GET", "POST"])
def refunds(request: HttpRequest) -> HttpResponseBase:
    """Show credit and refunds of my customers; take a request."""
    mine = me(request)
    if request.method == "GET":
        return _page(request, mine)
    typed = {
        name: request.POST.get(name, "").strip()
        for name in ("customer", "amount", "bank", "account", "holder")
    }
    own = next((one for one in mine.customers if one.code == typed["customer"]), None)
    if own is None:
        return _page(request, mine, typed, _("Chọn một khách hàng của quý khách."))
    try:
        with transaction():
            operations.ask_refund(
                customer_code=own.code, amount=_dong(typed["amount"]), bank=typed["bank"], account=typed["account"],
                holder=typed["holder"], reason="", by_customer=True, actor=f"customer:{own.code}", at=timezone.now(),
            )  # fmt: skip
    except PaymentError as error:
        return _page(request, mine, typed, _told(error))
    messages.success(
        request, _("Đã nhận yêu cầu. Chúng tôi kiểm tra rồi chuyển tiền; quý khách không mất phí.")
    )
    return redirect("portal:refunds")


def _page(
    request: HttpRequest, mine: Me, typed: dict[str, str] | None = None, problem: str = ""
) -> HttpResponse:
    own = [
        Mine(one, queries.refundable(customer_id=one.id), queries.refunds(customer_id=one.id, limit=SHOWN))
        for one in mine.customers
    ]
    values = {
        "mine": own, "typed": typed or {}, "problem": problem, "banks": queries.refund_rules().banks, "here": "account",
    }  # fmt: skip
    return render(request, "portal/refunds.html", values, status=422 if problem else 200)


@allow(Audience.CUSTOMER)
@not_kept
@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponseBase:
    """Take a wish of mine back: the credit stays for the next bill."""
    mine = me(request)
    for one in mine.customers:
        try:
            with transaction():
                operations.withdraw_refund(
                    refund_id=number, customer_id=one.id, actor=f"customer:{one.code}", at=timezone.now()
                )
        except UnknownRefundError:
            continue
        except PaymentError as error:
            return _page(request, mine, problem=_told(error))
        messages.success(request, _("Đã rút yêu cầu. Tiền dư sẽ trừ vào hóa đơn sau."))
        break
    return redirect("portal:refunds")


def _told(error: PaymentError) -> str:
    text = str(error)
    known = (
        ("amount:", _("Số tiền phải lớn hơn 0 và không quá số tiền còn dư.")),
        ("bank:", _("Chọn ngân hàng của quý khách.")),
        ("account:", _("Số tài khoản gồm 6 đến 19 chữ số, như trên ứng dụng ngân hàng.")),
        ("holder:", _("Ghi tên chủ tài khoản như trên ứng dụng ngân hàng.")),
        ("customer:", _("Quý khách đã có một yêu cầu đang chờ.")),
    )  # fmt: skip
    return next(
        (words for start, words in known if text.startswith(start)),
        _("Yêu cầu này đã được xử lý: xem bên dưới."),
    )


def _dong(text: str) -> int:
    plain = text.replace(".", "").replace(" ", "").removesuffix("đ")
    return int(plain) if plain.isdecimal() and len(plain) < 13 else 0
