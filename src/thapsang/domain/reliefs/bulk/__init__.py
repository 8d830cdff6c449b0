"""Reliefs in columns: facts and evidence for the engine, the queue of books, grants in and out."""

from thapsang.domain.reliefs.bulk.claims import (
    ClaimedBook,
    books_wait,
    claim_books,
    fail_book,
    finish_books,
    hold_book,
    hold_month,
)
from thapsang.domain.reliefs.bulk.facts import NO_EVIDENCE, evidence, uses, uses_on
from thapsang.domain.reliefs.bulk.grants import (
    GRANT,
    bills_grants,
    carried,
    earlier,
    given_by_batches,
    granted_by,
    in_bills,
    insert_grants,
    standing_batches,
)

__all__ = [
    "GRANT",
    "NO_EVIDENCE",
    "ClaimedBook",
    "bills_grants",
    "books_wait",
    "carried",
    "claim_books",
    "earlier",
    "evidence",
    "fail_book",
    "finish_books",
    "given_by_batches",
    "granted_by",
    "hold_book",
    "hold_month",
    "in_bills",
    "insert_grants",
    "standing_batches",
    "uses",
    "uses_on",
]
