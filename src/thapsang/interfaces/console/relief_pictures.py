"""Pictures of a relief: bars by name, several variants beside each other, and a histogram; SVG made on the server."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT, GROUND = 360, 120, 96


def histogram(counts: Sequence[int], *, first: str, last: str, label: str) -> SafeString:
    """Draw counts as columns; `first` and `last` stand under the two ends, `label` is what a screen reader says."""
    top, step = max([*counts, 1]), WIDTH / max(len(counts), 1)
    bars = [
        (round(place * step, 1), round(GROUND - count / top * (GROUND - 8), 1), round(step * 0.8, 1),
         round(count / top * (GROUND - 8), 1))
        for place, count in enumerate(counts)
    ]  # fmt: skip
    return format_html(
        '<svg class="histogram" viewBox="0 0 {} {}" role="img" aria-label="{}" focusable="false">{}'
        '<line x1="0" x2="{}" y1="{}" y2="{}"/><text x="0" y="{}">{}</text>'
        '<text x="{}" y="{}" text-anchor="end">{}</text></svg>',
        WIDTH, HEIGHT, label,
        format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}" rx="2"/>', bars),
        WIDTH, GROUND, GROUND, HEIGHT - 6, first, WIDTH, HEIGHT - 6, last,
    )  # fmt: skip
