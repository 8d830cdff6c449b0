"""Find customers by the words of a name or an address, however common these are.

A name that holds the words in the order typed is found by walking an index of names from their first, second,
third or fourth word on; words in another order, and addresses, by full text (`customers_by_words`, migration
0004). Every step reads a bounded number of rows, and the same text gives the same hits in the same order.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.db import connection

from thapsang.domain.customers.types import fold_words

_CANDIDATES = 1_000
"""Names looked at for ranking, at most, in each walk."""
_PLACES = 100
"""Addresses looked at for ranking, at most."""
_EVERYWHERE = frozenset({"so", "nha", "duong"})
"""Words of so many addresses that they tell nothing."""
_NUMBERED = frozenset({"xom", "khoi", "ngo", "ban", "thon", "to", "hem", "ngach", "kiet"})
"""Words that tell something only with the number behind them, or beside another word."""

_NAMED = "SELECT id, name, walk FROM customers_named(%s, %s, %s)"
_ANY_ORDER = """
SELECT c.id, c.name FROM customers_by_words('customers_customer', %s, %s, 2, NULL, %s, %s) AS found(id)
JOIN customers_customer c ON c.id = found.id
"""
_COMMUNE = (
    "SELECT id, thapsang_fold(name) FROM network_commune WHERE thapsang_fold(name) = ANY(%s) ORDER BY id"
)
_ADDRESSES = """
SELECT a.customer_id, r.address FROM customers_by_words('customers_premises', %s, %s, 3, %s, %s, %s) AS found(id)
JOIN customers_premises r ON r.id = found.id
JOIN customers_supplypoint p ON p.premises_id = r.id
JOIN customers_supplyagreement a ON a.supply_point_id = p.id AND a."end" IS NULL
"""
_OF_COMMUNE = """
SELECT a.customer_id, r.address
FROM (SELECT id, address FROM customers_premises WHERE commune_id = %s LIMIT %s) r
JOIN customers_supplypoint p ON p.premises_id = r.id
JOIN customers_supplyagreement a ON a.supply_point_id = p.id AND a."end" IS NULL
"""


def by_words(text: str, limit: int) -> dict[int, str]:
    """Return up to `limit` customers and what was matched, `name` or `address`, best first.

    All words must be in the one or the other, the last one by its beginning. What begins with a number, or
    holds one behind a word like xóm, is looked for among addresses first.
    """
    words = fold_words(text)
    if not words or max(map(len, words)) < 2:
        return {}
    found: dict[int, str] = {}
    for matched in ("address", "name") if _is_address(words) else ("name", "address"):
        if len(found) < limit:
            ids = by_name(text, words, limit) if matched == "name" else by_address(words, limit)
            found |= {id_: matched for id_ in ids if id_ not in found}
    return dict(list(found.items())[:limit])


def _is_address(words: list[str]) -> bool:
    numbered = any(one in _NUMBERED and two.isdigit() for one, two in pairwise(words))
    return words[0].isdigit() or numbered


def by_name(text: str, words: list[str], limit: int) -> list[int]:
    """Return customers whose names hold the words: the same name, beginning so, holding them so, in any order.

    Within each of these, names that agree in the diacritics typed come first.
    """
    wanted, folded = " ".join(text.lower().split()), " ".join(words)
    found: dict[int, int] = {}
    for id_, name, walk in _rows(_NAMED, folded, limit, _CANDIDATES):
        sort = 4 if walk > 1 else 2 if len(name) > len(folded) else 0
        found.setdefault(id_, sort + (wanted not in name.lower()))
    if len(found) < limit:
        for id_, name in sorted(_rows(_ANY_ORDER, *_split(words), limit, limit)):
            found.setdefault(id_, 6 + (wanted not in name.lower()))
    return sorted(found, key=lambda id_: found[id_])[:limit]


def by_address(words: list[str], limit: int) -> list[int]:
    """Return customers supplied at addresses that hold the words; those in one stretch come first."""
    rest, commune = _split_commune(words)
    if commune is not None and not rest:
        return [id_ for id_, _ in _rows(_OF_COMMUNE, commune, limit)]
    telling = _telling(rest)
    if not set(telling) - _NUMBERED:
        return []
    rows = _rows(_ADDRESSES, *_split(_glued(telling)), commune, limit, max(limit, _PLACES))
    stretch = f" {' '.join(telling)}"
    ranked = sorted((_apart(address, stretch), id_) for id_, address in rows)
    return list(dict.fromkeys(id_ for _, id_ in ranked))[:limit]


def _telling(words: list[str]) -> list[str]:
    return [word for word in words if word not in _EVERYWHERE]


def _apart(address: str, stretch: str) -> int:
    """Order addresses that hold all words: those that begin with the stretch typed, hold it, the rest."""
    at = f" {' '.join(_telling(fold_words(address)))}".find(stretch)
    return 0 if at == 0 else 1 if at > 0 else 2


def _glued(words: list[str]) -> list[str]:
    """Put a word and its number together as the index has them: xom 5 → xom5."""
    glued: list[str] = []
    for word in words:
        if word.isdigit() and glued and glued[-1] in _NUMBERED:
            glued[-1] += word
        else:
            glued.append(word)
    return glued


def _split(words: list[str]) -> tuple[str | None, str]:
    """Return the words before the last one as a query, and the last one."""
    return " & ".join(words[:-1]) or None, words[-1]


def _split_commune(words: list[str]) -> tuple[list[str], int | None]:
    """Take a commune's name off the end of an address: what is left, and the commune's number."""
    ends = [" ".join(words[-length:]) for length in range(1, min(5, len(words)) + 1)]
    names = [kind + end for end in ends for kind in ("", "xa ", "phuong ")]
    rows = _rows(_COMMUNE, names)
    if not rows:
        return words, None
    at = {name: (length, id_) for id_, full in rows for name, length in _endings(full, ends)}
    length, commune = max(at.values())
    return words[:-length], commune


def _endings(full: str, ends: list[str]) -> list[tuple[str, int]]:
    """Return which of the endings typed name a commune, with or without its kind, and how many words each has."""
    short = full.removeprefix("xa ").removeprefix("phuong ")
    return [(end, len(end.split())) for end in ends if end in (full, short)]


def _rows(sql: str, *values: str | int | list[str] | None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
