"""Small pictures, drawn on the server as SVG; a table or a sentence beside each says the same."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 240, 48


def days(values: Sequence[int], label: str) -> SafeString:
    """Draw one thin column a day, the last one lit; `label` is what a screen reader says."""
    top, step = max([*values, 1]), WIDTH / max(len(values), 1)
    columns = []
    for index, value in enumerate(values):
        height = round(max(HEIGHT * value / top, 1.5), 1)
        kind = "now" if index == len(values) - 1 else "then"
        columns.append(
            (kind, round(index * step, 1), round(HEIGHT - height, 1), round(step * 0.7, 1), height)
        )
    drawn = format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1"/>', columns)
    return format_html(
        '<svg class="days" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="none">'
        "{}</svg>",
        WIDTH, HEIGHT, label, drawn,
    )  # fmt: skip


def bar(value: int, of: int, kind: str = "") -> SafeString:
    """Draw a bar filled to value/of; the figures stand beside it in the page."""
    share = round(100 * value / of, 2) if of else 0
    return format_html(
        '<svg class="bar {}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="ground" width="100" height="8"/><rect class="filled" width="{}" height="8"/></svg>',
        kind, min(share, 100),
    )  # fmt: skip


def pair(before: int, after: int, of: int) -> SafeString:
    """Draw two thin bars, what was and what is, each against `of`; the figures stand beside them in the page."""
    widths = [round(100 * max(value, 0) / of, 2) if of > 0 else 0 for value in (before, after)]
    return format_html(
        '<svg class="pair" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="then" width="{}" height="6" rx="1"/><rect class="now" y="8" width="{}" height="6" rx="1"/></svg>',
        *widths,
    )


def parts(*counts: int) -> SafeString:
    """Draw one bar in parts: well, waiting, wrong, in this order; the figures stand beside it in the page."""
    whole, drawn, left = sum(counts), [], 0.0
    for kind, count in zip(("good", "due", "bad"), counts, strict=True):
        width = round(100 * count / whole, 2) if whole else 0
        drawn.append((kind, left, max(width, 1.5) if count else 0))
        left += width
    return format_html(
        '<svg class="bar parts" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="ground" width="100" height="8"/>{}</svg>',
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="8"/>', drawn),
    )
