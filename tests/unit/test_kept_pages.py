"""Finished pages kept under what they were made of, and put together with the reader's own token."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thapsang.interfaces.portal.kept_pages import TOKEN_HERE, KeptPages, page_of


@given(st.text(), st.text(), st.text(alphabet="abcXYZ019", max_size=64))
def test_a_page_packed_in_parts_unpacks_as_one(head: str, tail: str, token: str) -> None:
    if TOKEN_HERE in head or TOKEN_HERE in tail:
        return
    page = page_of(head + TOKEN_HERE + tail)
    expected = (head + token + tail).encode()
    assert page.plain(token.encode()) == expected
    packed = page.gzipped(token.encode())
    assert gzip.decompress(packed) == expected
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16)  # one member, nothing after it
    assert reader.decompress(packed) == expected and reader.eof and not reader.unused_data


@pytest.mark.parametrize("html", ["no place at all", f"{TOKEN_HERE} and {TOKEN_HERE}"])
def test_a_page_needs_one_place_for_the_token(html: str) -> None:
    with pytest.raises(ValueError, match="exactly one place"):
        page_of(html)


def draws(counted: list[str], text: str) -> str:
    counted.append(text)
    return text + TOKEN_HERE


def test_a_page_is_drawn_once_for_each_key() -> None:
    pages, drawn = KeptPages(), []
    for key in ("a", "b", "a", "b"):
        assert pages.get(key, lambda k=key: draws(drawn, k)).plain(b"") == key.encode()
    assert drawn == ["a", "b"]


def test_a_page_is_drawn_anew_after_its_time() -> None:
    pages, drawn = KeptPages(seconds=-1), []
    for _ in range(2):
        pages.get("a", lambda: draws(drawn, "a"))
    assert drawn == ["a", "a"]


def test_only_so_many_pages_are_kept() -> None:
    pages, drawn = KeptPages(kept=2), []
    for key in ("a", "b", "c", "c", "b", "a"):
        pages.get(key, lambda k=key: draws(drawn, k))
    assert drawn == ["a", "b", "c", "a"]


def test_what_cannot_be_drawn_is_not_kept() -> None:
    pages = KeptPages()

    def fails() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        pages.get("a", fails)
    assert pages.get("a", lambda: TOKEN_HERE).plain(b"x") == b"x"


def test_what_is_kept_about_something_is_known_until_it_is_thrown_away() -> None:
    pages = KeptPages(kept=2)
    assert not pages.holds("bill 1")
    pages.get(("bill 1", "vi"), lambda: TOKEN_HERE, about="bill 1")
    pages.get(("bill 1", "en"), lambda: TOKEN_HERE, about="bill 1")
    assert pages.holds("bill 1")
    pages.get(("bill 2", "vi"), lambda: TOKEN_HERE, about="bill 2")
    assert pages.holds("bill 1") and pages.holds("bill 2")
    pages.get(("bill 3", "vi"), lambda: TOKEN_HERE, about="bill 3")
    assert not pages.holds("bill 1")
