"""Charts as SVG made on the server: no script, no style attribute; classes carry the colours.

Every chart stands beside a table with the same figures (look.md, principle 7).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from thapsang.interfaces.shared import words

WIDTH, HEIGHT = 360, 204
LEFT, RIGHT, TOP, BOTTOM = 2, 2, 30, 46
_A_LINE = 26
_FITS = 3
"""Figures of a value that is no wider than its column and the gaps beside it."""


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
    drawn = _columns(bars, scale) + _line(bars, scale, escape(before_label))
    axis = _months(tuple([bar.month for bar in bars]))
    return mark_safe(  # noqa: S308 - numbers, and two texts escaped here
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" '
        f'focusable="false">{_ground(scale)}{drawn}{axis}</svg>'
    )


def month_table(bars: Sequence[MonthBar]) -> SafeString:
    """Write the rows of the table beside the chart, the newest month first; estimates carry a star.

    Last year has a column of its own when there is more of it than one month, which stands in the table anyway.
    """
    last_year = sum([bar.before is not None for bar in bars]) > 1
    language = get_language()
    rows = [_row(bar, last_year, language) for bar in reversed(bars)]
    return mark_safe("".join(rows))  # noqa: S308 - numbers and months


def _row(bar: MonthBar, last_year: bool, language: str | None) -> str:
    before = f'<td class="figure">{_known(bar.before)}</td>' if last_year else ""
    star = " *" if bar.estimated else ""
    return f'{_row_head(bar.month, language)}<td class="figure">{_known(bar.kwh)}{star}</td>{before}</tr>'


@functools.lru_cache(maxsize=500)
def _row_head(month: date, _language: str | None) -> str:
    return f'<tr><th scope="row" class="cap number">{words.month(month)}</th>'


def _known(kwh: int | None) -> str:
    return "–" if kwh is None else words.number(kwh)


class _Scale:
    """Where a month and a quantity stand on the drawing."""

    def __init__(self, bars: Sequence[MonthBar]) -> None:
        self.bar, self.x, self.middle = _across(len(bars))
        self.top = max([b.kwh or 0 for b in bars] + [b.before or 0 for b in bars] + [1])

    def y(self, kwh: int) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - kwh / self.top), 1)


@functools.lru_cache(maxsize=100)
def _across(count: int) -> tuple[float, list[float], list[float]]:
    """Return how wide a column is, and of each its left edge and its middle."""
    step = (WIDTH - LEFT - RIGHT) / max(count, 1)
    bar = round(step * 0.68, 1)
    edges = [round(LEFT + step * index + (step - bar) / 2, 1) for index in range(count)]
    return bar, edges, [round(LEFT + step * (index + 0.5), 1) for index in range(count)]


def _ground(scale: _Scale) -> str:
    y = scale.y(0)
    return f'<line class="ground" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'


def _columns(bars: Sequence[MonthBar], scale: _Scale) -> str:
    highest = max(range(len(bars)), key=lambda i: bars[i].kwh or 0, default=0)
    last, ground = len(bars) - 1, scale.y(0)
    compared = 0 if [i for i, bar in enumerate(bars) if bar.before is not None] == [last] else last
    shapes = []
    for i, bar in enumerate(bars):
        if bar.kwh is None:
            continue
        y = scale.y(bar.kwh)
        kind = ("bar now" if i == last else "bar") + (" guess" if bar.estimated else "")
        shapes.append(
            f'<rect class="{kind}" x="{scale.x[i]}" y="{y}" width="{scale.bar}" '
            f'height="{round(ground - y, 1)}" rx="2"/>'
        )
        if i in {last, highest, compared}:
            shapes.append(_label(bars, i, scale))
    return "".join(shapes)


def _label(bars: Sequence[MonthBar], index: int, scale: _Scale) -> str:
    """Write a column's value over it; a long one at the right edge also over the column it reaches above."""
    bar, last = bars[index], index == len(bars) - 1
    value, over, before = words.number(bar.kwh or 0), scale.y(bar.kwh or 0), scale.y(bar.before or 0)
    if over - before < _A_LINE:
        over = min(over, before)  # no room between the column and last year's line: over both
    anchor, x = "middle", scale.middle[index]
    if index == 0 and len(value) > _FITS:
        anchor, x = "start", LEFT
    elif last and len(value) > _FITS:
        anchor, x, over = "end", WIDTH - RIGHT, min(over, scale.y(bars[index - 1].kwh or 0))
    kind = "value now" if last else "value"
    return f'<text class="{kind}" x="{x}" y="{round(over - 7, 1)}" text-anchor="{anchor}">{value}</text>'


def _line(bars: Sequence[MonthBar], scale: _Scale, label: str) -> str:
    known = [(i, bar.before) for i, bar in enumerate(bars) if bar.before is not None]
    if not known:
        return ""
    first, kwh = known[0]
    y = scale.y(kwh)
    if len(known) == 1:
        x = scale.x[first]
        return f'<line class="before" x1="{round(x - 3, 1)}" x2="{round(x + scale.bar + 3, 1)}" y1="{y}" y2="{y}"/>'
    points = " ".join([f"{scale.middle[i]},{scale.y(kwh)}" for i, kwh in known])
    return (
        f'<polyline class="before" points="{points}"/>'
        f'<text class="before-label" x="{scale.x[first]}" y="{max(y - 8, 12)}">{label}</text>'
    )


@functools.lru_cache(maxsize=100)
def _months(months: tuple[date, ...]) -> str:
    """Draw the axis: the number of each month, the year under the first of each."""
    _, edges, middles = _across(len(months))
    last, base, drawn, years = len(months) - 1, HEIGHT - 26, [], []
    for i, month in enumerate(months):
        kind = "month now" if i == last else "month"
        drawn.append(
            f'<text class="{kind}" x="{middles[i]}" y="{base}" text-anchor="middle">{month.month}</text>'
        )
        if i == 0 or month.month == 1:
            years.append(
                f'<text class="year" x="{edges[i]}" y="{HEIGHT - 5}" text-anchor="start">{month.year}</text>'
            )
    return "".join(drawn + years)


def share_bar(share: float) -> SafeString:
    """Draw a small bar filled to `share` (0 to 1)."""
    width = round(max(0.0, min(1.0, share)) * 100, 1)
    return mark_safe(  # noqa: S308 - a number
        '<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="ground" width="100" height="6"/><rect class="fill" width="{width}" height="6"/></svg>'
    )
