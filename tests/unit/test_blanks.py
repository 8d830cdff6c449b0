"""Pages printed once for a shape and then filled in: the same as the template would draw, and nobody else's."""

from __future__ import annotations

from html import escape

import pytest
from django.template import engines
from django.utils.safestring import SafeString
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from thapsang.interfaces.shared import blanks

TEXT = """{% load i18n %}<h1 title="{{ title }}">{{ title }}</h1>{% if note %}<p>{{ note }}</p>{% else %}<hr>{% endif %}
{% if here == "bills" %}*{% endif %}{% for row in rows %}
<li>{{ row.name }}{% if row.open %} open{% endif %}</li>{% empty %}none{% endfor %}
{% blocktranslate with count=title %}Trả {{ count }} hóa đơn{% endblocktranslate %}{{ drawing }}"""


@pytest.fixture(autouse=True)
def template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blanks, "get_template", lambda _: engines["django"].from_string(TEXT))
    blanks._blanks.clear()


WORDS = st.text(st.characters(blacklist_categories=["Cs", "Co"]), max_size=12)
ROWS = st.lists(st.fixed_dictionaries({"name": WORDS, "open": st.booleans()}), max_size=4)


@given(WORDS, WORDS, ROWS, st.sampled_from(["bills", "home"]), st.sampled_from(["vi", "en"]))
def test_a_blank_filled_in_is_what_the_template_draws(
    title: str, note: str, rows: list[dict[str, object]], here: str, language: str
) -> None:
    values = {"title": title, "note": note, "rows": rows, "drawing": SafeString("<svg/>")}
    with override(language):
        drawn = engines["django"].from_string(TEXT).render({**values, "here": here})
        for _ in range(2):  # printed, then filled in again
            assert blanks.filled("x", values, here=here) == drawn


def test_a_second_reader_sees_nothing_of_the_first() -> None:
    one = {"title": "Nguyễn <An>", "note": "của An", "rows": [{"name": "a", "open": True}], "drawing": ""}
    two = {"title": "Trần & Bình", "note": "của Bình", "rows": [{"name": "b", "open": True}], "drawing": ""}
    first, second = blanks.filled("x", one), blanks.filled("x", two)
    assert len(blanks._blanks) == 1, "the two pages have one shape"
    assert escape("Nguyễn <An>") in first and "của An" not in second and escape("Trần & Bình") in second
    assert not any("An" in str(part) for blank in blanks._blanks.values() for part in blank)


def test_only_so_many_blanks_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blanks, "KEPT", 2)
    for count in range(4):
        blanks.filled("x", {"rows": [{"name": "a", "open": False}] * count})
    assert len(blanks._blanks) == 2
