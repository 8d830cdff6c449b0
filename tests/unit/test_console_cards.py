"""Tables as cards: every cell carries the head of its own column, and nothing else of the page changes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from thapsang.interfaces.console.cards import labelled

TABLE = (
    '<table class="list"><thead><tr><th>Mã</th><th class="figure">Tiền</th>'
    '<th><span class="hidden-visually">Phần</span></th><th>Lý do</th></tr></thead><tbody>{rows}</tbody></table>'
)


def test_cells_carry_heads_but_the_first_and_the_unnamed() -> None:
    made = labelled(TABLE.format(rows='<tr><td>A</td><td class="figure">1</td><td>▮</td><td>x</td></tr>'))
    assert '<td>A</td><td class="figure" data-l="Tiền">1</td><td>▮</td><td data-l="Lý do">x</td>' in made


def test_a_cell_across_columns_moves_the_next_one_on() -> None:
    made = labelled(TABLE.format(rows='<tr><th colspan="3">Cộng</th><td>5</td></tr>'))
    assert '<th colspan="3">Cộng</th><td data-l="Lý do">5</td>' in made


def test_a_table_inside_keeps_its_own_heads() -> None:
    inner = labelled(
        "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>"
    )
    made = labelled(TABLE.format(rows=f'<tr><td>A</td><td colspan="3">{inner}</td></tr>'))
    assert '<td data-l="b">2</td>' in made and made.count("data-l") == 1


def test_a_head_marked_as_title_names_nothing() -> None:
    made = labelled(
        '<table><thead><tr><th></th><th class="title">Tên</th><th>Kỳ</th></tr></thead>'
        "<tbody><tr><td>☐</td><td>x</td><td>y</td></tr></tbody></table>"
    )
    assert '<td>☐</td><td>x</td><td data-l="Kỳ">y</td>' in made


@given(st.lists(st.lists(st.text("ab 1&;", max_size=5), min_size=4, max_size=4), max_size=4))
def test_without_its_labels_a_table_is_as_it_was(rows: list[list[str]]) -> None:
    written = TABLE.format(
        rows="".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    )
    assert re.sub(r' data-l="[^"]*"', "", labelled(written)) == written
