"""Icons, links and small pictures of the console's pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from thapsang.interfaces.console import pictures
from thapsang.interfaces.console.cards import labelled
from thapsang.interfaces.console.desks import language
from thapsang.interfaces.shared.templatetags.shown import PATHS

register = template.Library()

OURS = {
    "flag": '<path d="M5 21V4h13l-3 4 3 4H5"/>',
    "inbox": '<path d="M12 3v9m-4-4 4 4 4-4"/><path d="M4 13v7h16v-7"/>',
    "book": '<path d="M5 4h12a2 2 0 0 1 2 2v14H7a2 2 0 0 1-2-2z"/><path d="M9 8h6M9 12h6"/>',
    "key": '<circle cx="8" cy="15" r="4"/><path d="m11 12 9-9m-4 4 3 3"/>',
    "table": '<path d="M4 5h16v14H4zM4 10h16M10 5v14"/>',
    "out": '<path d="M10 4H5v16h5M15 8l4 4-4 4M19 12H9"/>',
    "percent": '<path d="M19 5 5 19"/><circle cx="7" cy="7" r="2.5"/><circle cx="17" cy="17" r="2.5"/>',
    "adjust": '<path d="M12 4v10M7 9h10M7 20h10"/>',
    "storm": '<path d="M6 15a4 4 0 0 1 0-8 6 6 0 0 1 11-1 4.5 4.5 0 0 1 1 9"/><path d="m13 11-3 5h4l-3 5"/>',
    "refund": '<path d="M4 9h11a5 5 0 0 1 0 10H9M8 5 4 9l4 4"/>',
    "eye": '<path d="M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7z"/><circle cx="12" cy="12" r="3"/>',
}


@register.simple_tag
def sign(name: str, size: int = 20) -> SafeString:
    """Draw an icon of the console or one of the shared ones."""
    return format_html(
        '<svg class="icon" width="{0}" height="{0}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        'stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
        "{1}</svg>",
        size,
        mark_safe(OURS.get(name) or PATHS[name]),  # noqa: S308 - our own constants
    )


@register.filter
def as_json(value: Any) -> str:
    """Write what an audit entry holds, one line, keys sorted."""
    return "" if value in (None, "") else json.dumps(value, ensure_ascii=False, sort_keys=True)


ACTIONS = {
    "staff.signed-in": _("đăng nhập"),
    "staff.enrolled": _("gắn ứng dụng xác thực"),
    "staff.added": _("thêm nhân viên"),
    "staff.roles-set": _("đặt vai trò"),
    "staff.locked-out": _("khóa nhân viên"),
    "staff.let-in": _("mở lại nhân viên"),
    "staff.reset": _("đặt lại mật khẩu"),
    "staff.password-changed": _("đổi mật khẩu"),
    "customers.note-added": _("ghi chú"),
    "customers.contact-revealed": _("xem liên hệ"),
    "payments.collected": _("thu tiền mặt"),
    "payments.refund-asked": _("đề nghị hoàn tiền"),
    "payments.refund-approved": _("duyệt hoàn tiền"),
    "payments.refund-rejected": _("không duyệt hoàn tiền"),
    "payments.refund-withdrawn": _("rút đề nghị hoàn tiền"),
    "payments.refunds-sent": _("gửi ngân hàng hoàn tiền"),
    "payments.refund-paid": _("ngân hàng đã hoàn tiền"),
    "payments.refund-returned": _("tiền hoàn bị trả lại"),
    "payments.refund-file-taken": _("tải tệp hoàn tiền"),
    "billing.run-started": _("lập hóa đơn"),
    "billing.exception-assigned": _("giao việc"),
    "billing.exception-resolved": _("đóng việc"),
    "billing.correction-drafted": _("lập bản điều chỉnh"),
    "billing.correction-approved": _("cho phát hành điều chỉnh"),
    "billing.correction-issued": _("điều chỉnh đã phát hành"),
    "billing.correction-withdrawn": _("bỏ bản điều chỉnh"),
    "billing.final-bill-issued": _("lập hóa đơn cuối"),
    "customers.agreement-opened": _("mở hợp đồng"),
    "customers.agreement-closed": _("đóng hợp đồng"),
    "customers.terms-corrected": _("sửa điều kiện hợp đồng"),
    "metering.import-handed-in": _("nhập tệp chỉ số"),
    "metering.reading-corrected": _("sửa chỉ số"),
    "metering.period-split": _("chốt chỉ số giữa kỳ"),
    "metering.read-between": _("ghi chỉ số giữa kỳ"),
    "metering.storm-begun": _("mở chế độ bão"),
    "metering.storm-ended": _("đóng chế độ bão"),
    "metering.storm-decided": _("quyết định sau bão"),
    "metering.storm-withdrawn": _("bỏ chế độ bão"),
    "invoices.issue-started": _("phát hành hóa đơn điện tử"),
    "invoices.replaced": _("thay thế hóa đơn"),
    "invoices.pack-taken": _("tải gói hóa đơn"),
    "reliefs.drafted": _("soạn chương trình giảm"),
    "reliefs.reviewed": _("duyệt chương trình giảm"),
    "reliefs.in-force": _("áp dụng chương trình giảm"),
    "reliefs.closed": _("đóng chương trình giảm"),
    "reliefs.batch-asked": _("đề nghị đợt giảm"),
    "reliefs.batch-approved": _("duyệt đợt giảm"),
    "reliefs.batch-refused": _("không duyệt đợt giảm"),
    "reliefs.reversal-asked": _("đề nghị đảo đợt giảm"),
    "reliefs.reversal-approved": _("duyệt đảo đợt giảm"),
    "reliefs.applied": _("đợt giảm đã xong"),
    "reliefs.reversed": _("đợt giảm đã đảo"),
    "reliefs.list-imported": _("nhập danh sách"),
    "reliefs.row-decided": _("quyết định dòng danh sách"),
    "reliefs.use-recorded": _("ghi mục đích sử dụng"),
}


@register.filter
def action(name: str) -> str:
    """Say what was done, in the reader's language; the name itself where there are no words yet."""
    return str(ACTIONS.get(name, name))


@register.filter
def said(values: Any) -> str:
    """Write what an audit entry holds so that a person can read it: name: value, …"""
    if not isinstance(values, Mapping):
        return "" if values is None else str(values)
    shown = (
        (name, ", ".join(map(str, held)) if isinstance(held, list) else held) for name, held in values.items()
    )
    return "; ".join(f"{name}: {'–' if held is None else held}" for name, held in shown)


@register.filter
def item(values: Mapping[Any, Any], key: Any) -> Any:
    """Look a key up in a mapping."""
    return values.get(key)


@register.filter
def month_text(month: str) -> str:
    """Write a month that is held as text, 2026-10, as it stands in a narrow column: 10/2026."""
    return f"{month[5:7]}/{month[:4]}"


@register.filter
def called(programme: Any) -> str:
    """Call a programme in the reader's language."""
    return str(programme.name_en if language() == "en" else programme.name_vi)


@register.filter
def named(username: str, people: Mapping[str, str]) -> str:
    """Call a person by name; a username nobody has stands as it is, nobody is a dash."""
    return people.get(username, username) or "–"


@register.simple_block_tag(name="cards")
def cards(content: SafeString) -> SafeString:
    """Let a table become cards on a phone: see `console.cards`."""
    return mark_safe(labelled(content))  # noqa: S308 - rendered and escaped by the template already


register.simple_tag(pictures.days, name="days_picture")
register.simple_tag(pictures.bar, name="bar_picture")
register.simple_tag(pictures.pair, name="pair_picture")
register.simple_tag(pictures.parts, name="parts_picture")
