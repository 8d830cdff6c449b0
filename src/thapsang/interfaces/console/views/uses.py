"""What premises are used for, recorded on the customer's page by a document."""

from __future__ import annotations

from datetime import date, timedelta

from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from thapsang.domain.customers import queries as customers
from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.types import ReliefError
from thapsang.interfaces.console.desks import act
from thapsang.interfaces.console.place_uses import names
from thapsang.interfaces.console.views import customers as customer_pages
from thapsang.interfaces.console.views.relief import WRITERS
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import allow


@allow(*WRITERS)
@require_POST
def record(request: HttpRequest, code: str, point_code: str) -> HttpResponseBase:
    """Record what a point's premises are used for, from a day to a day, by a document."""
    point = customers.find_supply_point(code=point_code, on=timezone.localdate())
    if point is None or point.customer_code != code:
        raise Http404
    typed = {name: request.POST.get(name, "").strip() for name in ("use", "from", "until", "source")}
    problem, ended = _recorded(request, point.id, typed)
    if problem:
        extra = {"use_problem": problem, "typed_use": {**typed, "point": point_code}}
        return customer_pages.customer_again(request, code, **extra)
    told = _("Đã ghi mục đích của địa điểm.")
    if ended:
        told += " " + _("«%(use)s» ghi trước đó kết thúc khi mục đích mới bắt đầu.") % {
            "use": names().get(ended, ended)
        }
    messages.success(request, told, extra_tags="good")
    return redirect("console:customer", code)


def _recorded(request: HttpRequest, point: int, typed: dict[str, str]) -> tuple[str, str]:
    """Write the use; return what stands in the way, empty when it is done, and the use that ended with it."""
    try:
        start = date.fromisoformat(typed["from"])
        end = date.fromisoformat(typed["until"]) + timedelta(days=1) if typed["until"] else None
    except ValueError:
        return _("Ngày không đọc được: chọn lại ngày."), ""
    if typed["use"] not in names():
        return _("Chọn một mục đích trong danh sách."), ""
    if any(use["start"] == start for use in queries.uses_of(supply_point_id=point)):
        return _("Địa điểm đã có một mục đích ghi từ ngày này: chọn ngày khác."), ""
    try:
        with transaction():
            made = operations.record_use(
                supply_point_id=point,
                use=typed["use"],
                start=start,
                end=end,
                source=typed["source"],
                **act(request),
            )
    except IntegrityError:
        return _("Người khác vừa ghi mục đích từ ngày này: mở lại trang rồi xem."), ""
    except ReliefError as error:
        return str(error), ""
    return "", made.ended
