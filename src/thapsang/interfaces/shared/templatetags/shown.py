"""Filters that write amounts and dates, and the icons of the pages."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from thapsang.interfaces.shared import words

register = template.Library()
for _filter in (
    words.number,
    words.dong,
    words.kwh,
    words.day,
    words.last_day,
    words.clock,
    words.month,
    words.short_month,
    words.percent,
    words.households,
    words.category,
    words.voltages,
):
    register.filter(_filter.__name__, _filter)

PATHS = {
    "next": '<path d="m9 5 7 7-7 7"/>',
    "back": '<path d="m15 5-7 7 7 7"/>',
    "home": '<path d="m3 11 9-7 9 7v9H3z"/><path d="M10 20v-6h4v6"/>',
    "bill": '<path d="M6 3h12v18l-3-2-3 2-3-2-3 2z"/><path d="M9 8h6M9 12h6"/>',
    "user": '<circle cx="12" cy="8" r="4"/><path d="M4 21c1-5 4-7 8-7s7 2 8 7"/>',
    "phone": '<path d="M5 3h4l2 5-3 2c1 3 3 5 6 6l2-3 5 2v4c0 1-1 2-2 2C10 21 3 14 3 5c0-1 1-2 2-2z"/>',
    "search": '<circle cx="11" cy="11" r="7"/><path d="m16 16 5 5"/>',
    "copy": '<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15V6c0-1 1-2 2-2h8"/>',
    "done": '<path d="m4 13 5 5L20 6"/>',
    "file": '<path d="M6 3h8l5 5v13H6z"/><path d="M14 3v5h5M12 11v6m-3-3 3 3 3-3"/>',
    "lamp": '<path d="M9 18h6M10 21h4"/><path d="M12 3a6 6 0 0 0-3 11v2h6v-2a6 6 0 0 0-3-11z"/>',
    "card": '<rect x="3" y="5" width="18" height="14" rx="2"/><path d="M3 10h18M7 15h4"/>',
    "qr": '<path d="M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM18 14h2M14 18v2"/>',
    "law": '<path d="M12 4v16M7 20h10M5 7h14M5 7l-3 7h6zM19 7l-3 7h6z"/>',
}


@register.simple_tag
def icon(name: str, size: int = 24) -> SafeString:
    """Draw an icon in the colour of the text around it; screen readers pass over it."""
    return format_html(
        '<svg class="icon" width="{0}" height="{0}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        'stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{1}</svg>',
        size,
        mark_safe(PATHS[name]),  # noqa: S308 - our own constants
    )
