"""Reliefs in columns: facts and evidence for the engine, the queue of books, grants in and out."""

from thapsang.domain.reliefs.bulk.claims import (
    ClaimedBook,
    books_wait,
    claim_books,
    fail_book,
    finish_book,
    hold_month,
)
from thapsang.domain.reliefs.bulk.facts import evidence, uses
from thapsang.domain.reliefs.bulk.grants import GRANT, earlier, granted_by, insert_grants

__all__ = [
    "GRANT",
    "ClaimedBook",
    "books_wait",
    "claim_books",
    "earlier",
    "evidence",
    "fail_book",
    "finish_book",
    "granted_by",
    "hold_month",
    "insert_grants",
    "uses",
]
