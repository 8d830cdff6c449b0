"""Finding whom a list from outside means: supply points by code, by customer code, by folded name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db import connection

_PLACES = """
SELECT p.id, p.code, c.code, thapsang_fold(c.name), thapsang_fold(r.address), m.code, thapsang_fold(m.name)
FROM customers_customer c
JOIN customers_supplyagreement a ON a.customer_id = c.id AND a.start <= %(on)s AND (a."end" IS NULL OR a."end" > %(on)s)
JOIN customers_supplypoint p ON p.id = a.supply_point_id
JOIN customers_premises r ON r.id = p.premises_id JOIN network_commune m ON m.id = r.commune_id
WHERE {where} ORDER BY p.id
"""


@dataclass(frozen=True)
class Supplied:
    """A supply point under an agreement; name, address and commune's name without diacritics, in small letters."""

    point: int
    code: str
    customer_code: str
    name: str
    address: str
    commune_code: str
    commune: str


def supply_point_codes(*, ids: Iterable[int]) -> dict[int, str]:
    """Return the 16-character codes of supply points."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, code FROM customers_supplypoint WHERE id = ANY(%s)", [list(ids)])
        return dict(cursor.fetchall())


def supplied_by_code(*, codes: Iterable[str], on: date) -> list[Supplied]:
    """Return the supply points supplied on a day whose own code, or whose customer's, is among these."""
    given = sorted(set(codes))
    points = [code for code in given if len(code) == 16]
    customers = [code for code in given if len(code) == 13]
    found = _rows("c.code = ANY(%(customers)s)", {"customers": customers}, on) if customers else []
    return found + (_rows("p.code = ANY(%(points)s)", {"points": points}, on) if points else [])


def supplied_by_name(*, names: Iterable[str], on: date) -> list[Supplied]:
    """Return the supply points supplied on a day to customers whose folded name is among these (folded) names."""
    return _rows("thapsang_fold(c.name) = ANY(%(names)s)", {"names": sorted(set(names))}, on)


def _rows(where: str, params: dict[str, list[str]], on: date) -> list[Supplied]:
    with connection.cursor() as cursor:
        cursor.execute(_PLACES.format(where=where), {**params, "on": on})
        return [Supplied(*row) for row in cursor.fetchall()]
