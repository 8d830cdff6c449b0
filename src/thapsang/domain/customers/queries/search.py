"""One search box: code, supply point, phone, ID number, tax code, name or address.

What was typed decides which index is asked, so that each search reads one index and a bounded number
of rows (`bench/search.py`: under 50 ms at 1.2 million customers). Names are compared without
diacritics; hits that also agree in their diacritics come first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection

from thapsang.domain.customers.types import (
    InvalidValueError,
    SearchHit,
    check_tax_code,
    fold_words,
    normalise_phone,
)
from thapsang.domain.network import queries as network
from thapsang.kit.privacy import cipher

_CANDIDATES = 200
"""Rows looked at for ranking, at most."""
_EVERYWHERE = frozenset({"so", "nha", "duong"})
"""Words of so many addresses that they tell nothing."""
_NEARLY_EVERYWHERE = frozenset({"xom", "khoi", "ngo", "ban", "thon"})
"""Words that tell something only beside another."""


def search(*, text: str, limit: int = 20) -> list[SearchHit]:
    """Return up to `limit` customers that fit what somebody typed, best first.

    Codes are found by their beginning (6 characters or more); phones, ID numbers and tax codes as a whole;
    names and addresses by all their words, the last one by its beginning.
    """
    text = text.strip()
    ids, matched = _by_number(text, limit)
    if not ids and not matched:
        return _by_words(text, limit)
    return _hits(ids, matched)


def _by_number(text: str, limit: int) -> tuple[list[int], str]:
    """Find by code, phone, ID number or tax code; ([], "") when the text is none of these."""
    compact = re.sub(r"[\s.]", "", text).upper()
    if re.fullmatch(r"P[A-Z0-9]{5}\d{0,10}", compact):
        return _by_code(compact, limit)
    if not re.fullmatch(r"\+?[\d-]{9,15}", compact):
        return [], ""
    if re.fullmatch(r"\d{12}", compact):
        index = cipher.blind_index(compact, purpose="id-number")
        sql = "SELECT id FROM customers_customer WHERE id_number_index = %s LIMIT %s"
        return _ids(sql, [index, limit]), "id-number"
    found = _by_phone(compact, limit)
    return (found, "phone") if found else (_by_tax_code(compact, limit), "tax-code")


def _by_code(code: str, limit: int) -> tuple[list[int], str]:
    if len(code) > 13:
        sql = (
            "SELECT a.customer_id FROM customers_supplypoint p "
            "JOIN customers_supplyagreement a ON a.supply_point_id = p.id "
            "WHERE p.code = %s ORDER BY a.start DESC LIMIT %s"
        )
        return _ids(sql, [code, limit]), "supply-point"
    sql = "SELECT id FROM customers_customer WHERE code LIKE %s ORDER BY code USING ~<~ LIMIT %s"
    return _ids(sql, [code + "%", limit]), "code"


def _by_phone(text: str, limit: int) -> list[int]:
    try:
        index = cipher.blind_index(normalise_phone(text), purpose="phone")
    except InvalidValueError:
        return []
    sql = "SELECT DISTINCT customer_id FROM customers_contactpoint WHERE value_index = %s LIMIT %s"
    return _ids(sql, [index, limit])


def _by_tax_code(text: str, limit: int) -> list[int]:
    try:
        code = check_tax_code(text)
    except InvalidValueError:
        return []
    sql = "SELECT id FROM customers_customer WHERE tax_code = %s AND tax_code <> '' LIMIT %s"
    return _ids(sql, [code, limit])


def _ids(sql: str, values: Sequence[str | int | bytes | None]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(dict.fromkeys(row[0] for row in cursor.fetchall()))


def _by_words(text: str, limit: int) -> list[SearchHit]:
    words = fold_words(text)
    if not words or max(map(len, words)) < 2:
        return []
    wanted = text.lower()
    named = sorted(_by_name(words), key=lambda found: _rank(found[1], wanted))[:limit]
    ids = [id_ for id_, _ in named]
    hits = _hits(ids, "name")
    if len(ids) < limit:
        seen = set(ids)
        hits += _hits([id_ for id_ in _by_address(words, limit) if id_ not in seen], "address")
    return hits[:limit]


def _rank(name: str, wanted: str) -> int:
    """Order names that fit when folded: the same with its diacritics, beginning with it, holding it, the rest."""
    name = name.lower()
    return 0 if name == wanted else 1 if name.startswith(wanted) else 2 if wanted in name else 3


def _by_name(words: list[str]) -> list[tuple[int, str]]:
    """Return customers whose names begin with these words, then those that hold them anywhere."""
    start = (
        "SELECT id, name FROM customers_customer WHERE thapsang_fold(name) LIKE %s "
        "ORDER BY thapsang_fold(name) USING ~<~ LIMIT %s"
    )
    anywhere = "SELECT id, name FROM customers_customer WHERE search @@ %s::tsquery LIMIT %s"
    with connection.cursor() as cursor:
        cursor.execute(start, [" ".join(words) + "%", _CANDIDATES])
        found = dict(cursor.fetchall())
        if len(found) < _CANDIDATES:
            cursor.execute(anywhere, [_tsquery(words, shortest=2), _CANDIDATES])
            found |= {id_: name for id_, name in cursor.fetchall() if id_ not in found}
    return list(found.items())


def _tsquery(words: list[str], *, shortest: int) -> str:
    """All words, the last one by its beginning when it is long enough; a number is meant whole."""
    last = words[-1]
    if len(last) >= shortest and not last.isdigit():
        last += ":*"
    return " & ".join([*words[:-1], last])


def _split_commune(words: list[str]) -> tuple[list[str], int | None]:
    """Take a commune's name off the end of an address: what is left, and the commune's number."""
    communes = {tuple(fold_words(commune.name)): commune.id for commune in network.communes()}
    communes |= {name[1:]: id_ for name, id_ in communes.items() if name[0] in ("xa", "phuong")}
    for length in range(min(5, len(words) - 1), 0, -1):
        commune = communes.get(tuple(words[-length:]))
        if commune is not None:
            return words[:-length], commune
    return words, None


def _by_address(words: list[str], limit: int) -> list[int]:
    rest, commune = _split_commune(words)
    telling = [word for word in rest if word not in _EVERYWHERE]
    if not set(telling) - _NEARLY_EVERYWHERE:
        return []
    sql = (
        "SELECT a.customer_id FROM customers_premises_by_words(%s::tsquery, %s, %s) AS r(id) "
        "JOIN customers_supplypoint p ON p.premises_id = r.id "
        'JOIN customers_supplyagreement a ON a.supply_point_id = p.id AND a."end" IS NULL LIMIT %s'
    )
    return _ids(sql, [_tsquery(telling, shortest=3), commune, limit, limit])


_HITS = """
SELECT c.id, c.code, c.name, coalesce(x.address, '')
FROM unnest(%s::bigint[]) WITH ORDINALITY AS wanted(id, place)
JOIN customers_customer c ON c.id = wanted.id
LEFT JOIN LATERAL (
    SELECT r.address || ', ' || m.name AS address
    FROM customers_supplyagreement a
    JOIN customers_supplypoint p ON p.id = a.supply_point_id
    JOIN customers_premises r ON r.id = p.premises_id
    JOIN network_commune m ON m.id = r.commune_id
    WHERE a.customer_id = c.id ORDER BY a."end" NULLS FIRST, a.id LIMIT 1
) x ON true
ORDER BY wanted.place
"""


def _hits(ids: list[int], matched: str) -> list[SearchHit]:
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_HITS, [ids])
        return [SearchHit(id_, code, name, place, matched) for id_, code, name, place in cursor.fetchall()]
