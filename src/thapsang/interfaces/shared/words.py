"""How amounts, quantities, days and months are written, in the reader's language."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils import timezone, translation
from django.utils.translation import get_language

NARROW = "\u00a0"
ENGLISH_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


_settled: ContextVar[str | None] = ContextVar("settled", default=None)


@contextmanager
def in_language(language: str) -> Iterator[None]:
    """Write in one language, whatever the reader's: a thousand bills need not ask for it at every word."""
    before = _settled.set(language)
    try:
        with translation.override(language):
            yield
    finally:
        _settled.reset(before)


def language() -> str | None:
    """Return the language written in now."""
    return _settled.get() or get_language()


def gettext(message: str) -> str:
    """As Django's; a page says the same sentences again and again, so each is looked up once a language."""
    return _said(language(), message)


@functools.lru_cache(maxsize=2048)
def _said(_language: str | None, message: str) -> str:
    return translation.gettext(message)


def _english() -> bool:
    return (language() or "vi").startswith("en")


def number(value: int) -> str:
    """305230 → 305.230 (Vietnamese) or 305,230 (English)."""
    if 0 <= value < 1000:  # as most are: the same in both languages, no need to ask which
        return str(value)
    grouped = f"{value:,}".replace("-", "−") if value < 0 else f"{value:,}"
    return grouped if _english() else grouped.replace(",", ".")


def dong(value: int) -> str:
    """305230 → 305.230 đ; the space does not break."""
    return f"{number(value)}{NARROW}đ"


def kwh(value: int) -> str:
    """134 → 134 kWh; the space does not break."""
    return f"{number(value)}{NARROW}kWh"


@functools.lru_cache(maxsize=4096)
def day(value: date) -> str:
    """05/10/2026, in both languages."""
    return f"{value:%d/%m/%Y}"


def last_day(end: date) -> str:
    """The last day inside a half-open period that ends before `end`."""
    return day(end - timedelta(days=1))


def clock(value: datetime) -> str:
    """17:30 05/10/2026, Vietnamese time."""
    return f"{timezone.localtime(value):%H:%M %d/%m/%Y}"


def month(value: date) -> str:
    """Tháng 10/2026 with a small letter, or October 2026."""
    return (
        f"{ENGLISH_MONTHS[value.month - 1]} {value.year}"
        if _english()
        else f"tháng {value.month}/{value.year}"
    )


def short_month(value: date) -> str:
    """T10, or Oct."""
    return ENGLISH_MONTHS[value.month - 1][:3] if _english() else f"T{value.month}"


def percent(basis_points: int) -> str:
    """800 → 8 %."""
    shown = (
        f"{Decimal(basis_points) / 100:f}".rstrip("0").rstrip(".")
        if basis_points % 100
        else str(basis_points // 100)
    )
    return f"{shown if _english() else shown.replace('.', ',')}{NARROW}%"


def households(quarters: int) -> str:
    """4 → 1; 6 → 1,5 (households are counted in quarters)."""
    whole, rest = divmod(quarters, 4)
    text = f"{whole}" if not rest else f"{quarters / 4:g}"
    return text if _english() else text.replace(".", ",")


def category(name: str) -> str:
    """Tariff category in words."""
    return _category(language(), name)


@functools.lru_cache(maxsize=100)
def _category(_language: str | None, name: str) -> str:
    return {
        "residential": gettext("Sinh hoạt"),
        "residential-prepaid": gettext("Sinh hoạt, công tơ thẻ trả trước"),
        "tenant": gettext("Sinh hoạt, người thuê nhà"),
        "production": gettext("Sản xuất"),
        "business": gettext("Kinh doanh"),
        "hospital-school": gettext("Bệnh viện, nhà trẻ, trường học"),
        "lighting-admin": gettext("Hành chính, chiếu sáng công cộng"),
    }.get(name, name)


def voltage(name: str) -> str:
    """Voltage band of a price in words."""
    return {
        "ge110": gettext("từ 110 kV"),
        "22to110": gettext("22 đến dưới 110 kV"),
        "6to22": gettext("6 đến dưới 22 kV"),
        "lt6": gettext("dưới 6 kV"),
    }.get(name, name)


def voltages(names: Sequence[str]) -> str:
    """Several voltage bands in words; all four are simply every voltage."""
    return gettext("mọi cấp điện áp") if len(names) == 4 else "; ".join(voltage(name) for name in names)
