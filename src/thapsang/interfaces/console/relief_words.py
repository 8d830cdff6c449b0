"""A relief programme's rules in words an officer reads."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils.translation import gettext as _

from thapsang.engines.relief import Finding, Rule
from thapsang.engines.relief.book import Benefit, Group, Threshold, Validity
from thapsang.interfaces.shared import words


def valid(one: Validity) -> str:
    """Say by what and when a programme or a rule holds."""
    by = {
        "use": _("theo ngày sử dụng"),
        "last-billed-day": _("theo ngày cuối của hóa đơn"),
        "bill-month": _("theo tháng hóa đơn"),
        "invoice-date": _("theo ngày lập hóa đơn"),
    }[one.by]
    start = words.day(one.start)
    if one.end is None:
        return _("%(by)s, từ %(start)s đến khi có quy định mới") % {"by": by, "start": start}
    return _("%(by)s, từ %(start)s đến hết %(end)s") % {
        "by": by,
        "start": start,
        "end": words.last_day(one.end),
    }


def group(one: Group, names: Mapping[str, str]) -> str:
    """Say whom a group means; all its parts must hold."""
    parts = [
        (_("mục đích: %s"), [words.category(name) for name in one.categories]),
        (_("cấp điện áp: %s"), [words.voltage(name) for name in one.voltages]),
        (_("dùng làm: %s"), [names.get(name, name) for name in one.uses]),
        (_("không dùng làm: %s"), [names.get(name, name) for name in one.not_uses]),
        (_("có tên trong: %s"), [_listed(item.code, item.day, names) for item in one.lists]),
        (_("không có tên trong: %s"), [_listed(item.code, item.day, names) for item in one.not_lists]),
    ]
    return "; ".join(text % ", ".join(found) for text, found in parts if found) or _("mọi khách hàng")


def _listed(code: str, day: object, names: Mapping[str, str]) -> str:
    when = {"last-billed-day": _("ngày cuối kỳ"), "any-billed-day": _("ngày bất kỳ trong kỳ")}.get(
        str(day), str(day)
    )
    return f"{names.get(code, code)} ({when})"


def threshold(one: Threshold | None) -> str:
    """Say a rule's limits in kWh a month and how they grow; empty without any."""
    if one is None:
        return ""
    parts = []
    if one.above is not None:
        parts.append(_("trên %s/tháng") % words.kwh(one.above))
    if one.up_to is not None:
        parts.append(_("đến %s/tháng") % words.kwh(one.up_to))
    grown = {"days": _("số ngày"), "households": _("số hộ")}
    scaled = ", ".join(grown[name] for name in one.scaled_by)
    return ", ".join(parts) + (_(" (tính theo %s)") % scaled if scaled else "")


def benefit(one: Benefit) -> str:
    """Say what a rule gives."""
    if one.kind == "free":
        return _("miễn toàn bộ tiền điện")
    if one.kind == "percent-off-bill":
        return _("giảm %s %% tiền điện trước thuế") % one.percent
    if one.kind == "percent-off-prices":
        if one.tiers:
            tiers = ", ".join(map(str, one.tiers))
            return _("giảm %(percent)s %% giá bậc %(tiers)s") % {"percent": one.percent, "tiers": tiers}
        return _("giảm %s %% giá điện") % one.percent
    if one.kind == "price-list":
        return _("tính theo giá: %s") % words.category(one.category)
    return _("tiền mặt bằng %(kwh)s giá bậc %(tier)s, không trừ vào hóa đơn") % {
        "kwh": words.kwh(one.kwh),
        "tier": one.tier,
    }


_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")


def _plain(text: str, listed: Mapping[str, str]) -> str:
    """Say codes of lists and uses by their names, and days as pages write them."""
    told = [
        listed.get(code, code) + (_(" (ngày %s)") % day if day else "")
        for code, _on, day in (part.partition(" on ") for part in text.split(", "))
    ]
    return _ISO.sub(r"\3/\2/\1", ", ".join(told))


def finding(one: Finding, rule: Rule, listed: Mapping[str, str]) -> dict[str, object]:
    """Say one condition of `why`: its name, what it wants and what it met; `listed` names lists and uses."""
    names = {
        "valid": _("thời gian"), "category": _("mục đích sử dụng"), "voltage": _("cấp điện áp"), "use": _("dùng làm"),
        "not-use": _("không dùng làm"), "list": _("có tên trong"), "not-list": _("không có tên trong"),
        "above": _("trên mức"), "up-to": _("đến mức"), "first-of-programme": _("chưa được quy định trước"),
        "not-barred": _("không bị chương trình khác loại"), "applied": _("đủ căn cứ để áp dụng"),
    }  # fmt: skip
    wanted, value = _plain(one.wanted, listed), _plain(one.value, listed)
    if one.name == "valid":
        wanted = valid(rule.valid)
    elif one.name == "category":
        wanted = ", ".join(words.category(name) for name in wanted.split(", "))
        value = words.category(value)
    elif one.name in {"above", "up-to"}:
        wanted = threshold(rule.threshold)
        value = value.replace("limit", _("mức"))
    elif one.name in {"first-of-programme", "not-barred", "applied"}:
        wanted, value = _("có"), _("có") if one.holds else _("không")
    return {
        "name": names.get(one.name, one.name),
        "group": one.group,
        "holds": one.holds,
        "wanted": wanted,
        "value": value,
    }
