"""Where a supply point is and whose it was: what a bill says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from thapsang.kit.db.questions import Question, Rows

# One index descent a table, for a number alone: planned once a connection.
_PLACES = """
SELECT a.id, p.code, c.code, r.address, m.name
FROM customers_supplypoint p
JOIN customers_supplyagreement a ON a.supply_point_id = p.id
JOIN customers_customer c ON c.id = a.customer_id
JOIN customers_premises r ON r.id = p.premises_id
JOIN network_commune m ON m.id = r.commune_id
WHERE p.id = %(point)s
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A supply point as a bill names it."""

    code: str
    customer_code: str
    address: str
    commune: str


def places_question(*, supply_point_id: int) -> Question[dict[int, Place]]:
    """Ask for a point's place under each agreement there was for it, by the agreement's number."""
    return Question(_PLACES, {"point": supply_point_id}, _places)


def _places(found: Rows) -> dict[int, Place]:
    return {agreement: Place(*rest) for agreement, *rest in found}


def books_of_points(*, point_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return the reading book of each supply point, and that book's reading day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, p.book_id, b.reading_day FROM customers_supplypoint p "
            "JOIN network_readingbook b ON b.id = p.book_id WHERE p.id = ANY(%s)",
            [list(point_ids)],
        )
        return {point: (book, day) for point, book, day in cursor.fetchall()}
