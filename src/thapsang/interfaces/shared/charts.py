"""Charts as SVG made on the server: no script, no style attribute; classes carry the colours.

Every chart stands beside a table with the same figures (look.md, principle 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from thapsang.interfaces.shared import words

WIDTH, HEIGHT = 360, 204
LEFT, RIGHT, TOP, BOTTOM = 2, 2, 30, 46


@dataclass(frozen=True)
class MonthBar:
    """One month of a year's chart: kWh now, kWh in the same month a year before (None where unknown)."""

    month: date
    kwh: int | None
    before: int | None
    estimated: bool = False


def month_chart(bars: Sequence[MonthBar], *, title: str, before_label: str) -> SafeString:
    """Draw months as bars, the last one lit, last year as a thin line, labels beside what they name."""
    scale = _Scale(bars)
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" focusable="false">{}{}{}{}</svg>',
        WIDTH,
        HEIGHT,
        title,
        _ground(scale),
        _columns(bars, scale),
        _line(bars, scale, before_label),
        _months(bars, scale),
    )


def month_table(bars: Sequence[MonthBar]) -> SafeString:
    """Write the rows of the table beside the chart, the newest month first; estimates carry a star."""
    last_year = any(bar.before is not None for bar in bars)
    return format_html_join(
        "",
        '<tr><th scope="row" class="cap number">{}</th><td class="figure">{}{}</td>'
        + ('<td class="figure">{}</td></tr>' if last_year else "</tr>"),
        (
            (words.month(bar.month), _known(bar.kwh), " *" if bar.estimated else "", _known(bar.before))
            for bar in reversed(bars)
        ),
    )


def _known(kwh: int | None) -> str:
    return "–" if kwh is None else words.number(kwh)


class _Scale:
    """Where a month and a quantity stand on the drawing."""

    def __init__(self, bars: Sequence[MonthBar]) -> None:
        self.step = (WIDTH - LEFT - RIGHT) / max(len(bars), 1)
        self.bar = round(self.step * 0.68, 1)
        self.top = max([b.kwh or 0 for b in bars] + [b.before or 0 for b in bars] + [1])

    def x(self, index: int) -> float:
        return round(LEFT + self.step * index + (self.step - self.bar) / 2, 1)

    def middle(self, index: int) -> float:
        return round(LEFT + self.step * (index + 0.5), 1)

    def y(self, kwh: int) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - kwh / self.top), 1)


def _ground(scale: _Scale) -> SafeString:
    return format_html(
        '<line class="ground" x1="{}" x2="{}" y1="{}" y2="{}"/>', LEFT, WIDTH - RIGHT, scale.y(0), scale.y(0)
    )


def _columns(bars: Sequence[MonthBar], scale: _Scale) -> SafeString:
    highest = max(range(len(bars)), key=lambda i: bars[i].kwh or 0, default=0)
    shapes = []
    for i, bar in enumerate(bars):
        if bar.kwh is None:
            continue
        last, y = i == len(bars) - 1, scale.y(bar.kwh)
        kind = ("bar now" if last else "bar") + (" guess" if bar.estimated else "")
        label = _label(bar, i, scale, last=last) if last or i == highest else ""
        shapes.append((kind, scale.x(i), y, scale.bar, round(scale.y(0) - y, 1), label))
    return format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"/>{}', shapes)


def _label(bar: MonthBar, index: int, scale: _Scale, *, last: bool) -> SafeString:
    anchor, x = ("start", LEFT) if index == 0 else ("middle", scale.middle(index))
    if last:
        anchor, x = "end", WIDTH - RIGHT
    over = min(scale.y(bar.kwh or 0), scale.y(bar.before or 0))
    return format_html(
        '<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>',
        "value now" if last else "value",
        x,
        round(over - 7, 1),
        anchor,
        words.number(bar.kwh or 0),
    )


def _line(bars: Sequence[MonthBar], scale: _Scale, label: str) -> SafeString:
    known = [(i, bar.before) for i, bar in enumerate(bars) if bar.before is not None]
    if not known:
        return SafeString("")
    if len(known) == 1:
        index, kwh = known[0]
        return format_html(
            '<line class="before" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>',
            round(scale.x(index) - 3, 1),
            round(scale.x(index) + scale.bar + 3, 1),
            scale.y(kwh),
        )
    points = " ".join(f"{scale.middle(i)},{scale.y(kwh)}" for i, kwh in known)
    first, kwh = known[0]
    return format_html(
        '<polyline class="before" points="{}"/><text class="before-label" x="{}" y="{}">{}</text>',
        points,
        scale.x(first),
        max(scale.y(kwh) - 8, 12),
        label,
    )


def _months(bars: Sequence[MonthBar], scale: _Scale) -> SafeString:
    last, base = len(bars) - 1, HEIGHT - 26
    names = [
        ("month now" if i == last else "month", scale.middle(i), base, b.month.month)
        for i, b in enumerate(bars)
    ]
    years = [
        ("year", scale.x(i), HEIGHT - 5, "start", b.month.year)
        for i, b in enumerate(bars)
        if i == 0 or b.month.month == 1
    ]
    return format_html(
        "{}{}",
        format_html_join("", '<text class="{}" x="{}" y="{}" text-anchor="middle">{}</text>', names),
        format_html_join("", '<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>', years),
    )


def share_bar(share: float) -> SafeString:
    """Draw a small bar filled to `share` (0 to 1)."""
    return format_html(
        '<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="ground" width="100" height="6"/>'
        '<rect class="fill" width="{}" height="6"/></svg>',
        round(max(0.0, min(1.0, share)) * 100, 1),
    )
