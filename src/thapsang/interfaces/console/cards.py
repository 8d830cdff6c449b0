"""Tables that become cards on a phone: each cell carries the head of its column, for the stylesheet to show.

`{% cards %}<table class="list">…</table>{% endcards %}` writes `data-l` on the cells of the outer table's rows: no
cell's name is written twice in a page, and no script is needed. A head of class `title`, an empty one and one that
is there for screen readers only name nothing: their cells stand without a name, the first as the card's title.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"<(/?)(table|thead|tr|th|td)\b([^>]*)>")
_SPAN = re.compile(r'colspan="(\d+)"')
_MARKUP = re.compile(r"<[^>]+>")


def labelled(html: str) -> str:
    """Return the table with the heads of its columns written on its cells; `html` is escaped already."""
    heads, out, last = _heads(html), [], 0
    depth, column, inside = 0, 0, False
    for tag in _TAG.finditer(html):
        closing, name, attributes = tag.groups()
        if name == "table":
            depth += -1 if closing else 1
        elif depth != 1 or (closing and name != "thead"):
            continue
        elif name == "thead":
            inside = not closing
        elif name == "tr":
            column = 0
        elif not inside:
            head = heads[column] if column < len(heads) else ""
            span = _SPAN.search(attributes)
            column += int(span[1]) if span else 1
            if head and not span:
                out += [html[last : tag.end() - 1], f' data-l="{head}"']
                last = tag.end() - 1
    return "".join([*out, html[last:]])


def _heads(html: str) -> list[str]:
    """Return what each column of the first table is called, empty where its cells stand without a name."""
    thead = html[html.find("<thead>") : html.find("</thead>")]
    found = []
    for attributes, content in re.findall(r"<th\b([^>]*)>(.*?)</th>", thead, flags=re.S):
        silent = "title" in attributes or "hidden-visually" in content
        found.append("" if silent else _MARKUP.sub("", content).strip())
    return ["", *found[1:]] if found else []
