"""Billing in columns: claim books, COPY bills, lines and exceptions, read a month back."""

from thapsang.domain.billing.bulk.adjusting import adjustment_entries, insert_links, next_sequences
from thapsang.domain.billing.bulk.claims import (
    ClaimedBook,
    books_wait,
    claim_books,
    fail_book,
    finish_books,
)
from thapsang.domain.billing.bulk.posting import (
    billed_points,
    book_of_point,
    insert_bills,
    insert_exceptions,
    insert_lines,
    points_of_books,
    resolve_billed,
)
from thapsang.domain.billing.bulk.reading import (
    exception_points,
    month_bills,
    month_energy,
    relief_lines,
    wrong_bills,
)
from thapsang.domain.billing.bulk.units import (
    claim_unit,
    finish_unit,
    points_of_book_ids,
    points_with_books,
    unit_points,
)

__all__ = [
    "ClaimedBook",
    "adjustment_entries",
    "billed_points",
    "book_of_point",
    "books_wait",
    "claim_books",
    "claim_unit",
    "exception_points",
    "fail_book",
    "finish_books",
    "finish_unit",
    "insert_bills",
    "insert_exceptions",
    "insert_lines",
    "insert_links",
    "month_bills",
    "month_energy",
    "next_sequences",
    "points_of_book_ids",
    "points_of_books",
    "points_with_books",
    "relief_lines",
    "resolve_billed",
    "unit_points",
    "wrong_bills",
]
