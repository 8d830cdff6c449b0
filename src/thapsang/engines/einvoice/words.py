"""Amounts in Vietnamese words, as an invoice's TgTTTBChu wants them.

num2words says the hundreds right, but joins the groups of a larger number wrongly ("một nghìn lẻ mười" for
1,010) and drops the sign. It therefore speaks groups of three digits only; they are joined here: a group below
one hundred after a higher group begins with "không trăm" (1.010 is "một nghìn không trăm mười").
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from num2words import num2words

_GROUPS = ("", " nghìn", " triệu")
_BILLION = 1_000_000_000
_LIMIT = 10**18


def in_words(amount: int) -> str:
    """Return a whole amount in đồng in words: 1010 is "Một nghìn không trăm mười đồng".

    A negative amount (an adjustment downwards) begins with "Âm". Raises ValueError from 10^18 on.
    """
    if abs(amount) >= _LIMIT:
        raise ValueError(f"{amount} is too large to be said in words: amounts stay below 10^18 đồng.")
    thousands, rest = divmod(abs(amount), 1000)
    # Bills share their thousands: what those say is kept, and the last three digits follow.
    said = _ended(_thousands(thousands), rest) if thousands else _below_limit(rest)
    if amount < 0:
        said = f"âm {said}"
    return f"{said[0].upper()}{said[1:]} đồng"


def in_words_each(amounts: Sequence[int]) -> list[str]:
    """Return what `in_words` says of each amount, at a fraction of its cost for many."""
    tails = _tails()
    return [
        _head(amount // 1000) + tails[amount % 1000] if 1000 <= amount < _LIMIT else in_words(amount)
        for amount in amounts
    ]


def same_words(one: str, other: str) -> bool:
    """Tell whether two texts say the same amount, whichever of the usual spellings each uses."""
    return _plain(one) == _plain(other)


@lru_cache(maxsize=32_768)
def _thousands(number: int) -> str:
    """Say a number of whole thousands."""
    return _below_limit(number * 1000)


@lru_cache(maxsize=32_768)
def _head(thousands: int) -> str:
    said = _thousands(thousands)
    return f"{said[0].upper()}{said[1:]}"


@lru_cache(maxsize=1)
def _tails() -> tuple[str, ...]:
    """How an amount of more than a thousand ends, by its last three digits."""
    return tuple(f" {_spoken()[rest + 1000]} đồng" if rest else " đồng" for rest in range(1000))


def _ended(thousands: str, rest: int) -> str:
    return f"{thousands} {_spoken()[rest + 1000]}" if rest else thousands


def _below_limit(number: int) -> str:
    billions, rest = divmod(number, _BILLION)
    if not billions:
        return _below_billion(rest, leading=True)
    said = f"{_below_billion(billions, leading=True)} tỷ"
    return f"{said} {_below_billion(rest, leading=False)}" if rest else said


def _below_billion(number: int, *, leading: bool) -> str:
    if not number:
        return "không"
    parts: list[str] = []
    for power in (2, 1, 0):
        group = number // 1000**power % 1000
        if group:
            parts.append(_spoken()[group + (0 if leading and not parts else 1000)] + _GROUPS[power])
    return " ".join(parts)


@lru_cache(maxsize=1)
def _spoken() -> tuple[str, ...]:
    """Groups 0 to 999 as they begin a number, then the same as they follow a higher group."""
    plain = [str(num2words(number, lang="vi")) for number in range(1000)]
    tens = [f"không trăm {'lẻ ' if number < 10 else ''}{said}" for number, said in enumerate(plain[:100])]
    return (*plain, *tens, *plain[100:])


def _plain(text: str) -> list[str]:
    other = {"linh": "lẻ", "ngàn": "nghìn", "tư": "bốn", "tỉ": "tỷ", "trừ": "âm"}
    words = "".join(c if c.isalpha() else " " for c in text.lower()).split()
    return [other.get(word, word) for word in words if word not in {"chẵn", "và", "việt", "nam"}]
