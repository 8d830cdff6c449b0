"""Billing in columns: claim books, COPY bills, lines and exceptions, read a month back."""

from thapsang.domain.billing.bulk.adjusting import adjustment_entries, insert_links, next_sequences
from thapsang.domain.billing.bulk.claims import ClaimedBook, claim_books, fail_book, finish_books
from thapsang.domain.billing.bulk.posting import (
    billed_points,
    book_of_point,
    insert_bills,
    insert_exceptions,
    insert_lines,
    points_of_books,
    resolve_billed,
)
from thapsang.domain.billing.bulk.reading import exception_points, month_bills, wrong_bills

__all__ = [
    "ClaimedBook",
    "adjustment_entries",
    "billed_points",
    "book_of_point",
    "claim_books",
    "exception_points",
    "fail_book",
    "finish_books",
    "insert_bills",
    "insert_exceptions",
    "insert_lines",
    "insert_links",
    "month_bills",
    "next_sequences",
    "points_of_books",
    "resolve_billed",
    "wrong_bills",
]
