"""Reading reliefs. Nothing here writes."""

from thapsang.domain.reliefs.queries.batches import (
    batch,
    batches,
    by_programme,
    evidence_mark,
    failed_books,
    granted_total,
    grants_of_bills,
    progress,
)
from thapsang.domain.reliefs.queries.books import (
    book_in_force,
    book_of,
    book_with,
    citations_of_bill,
    citations_of_bills,
    list_names,
    list_scopes,
    references,
)
from thapsang.domain.reliefs.queries.evidence import (
    evidence_of,
    lists,
    queue,
    queue_length,
    rejected,
    uses_of,
)
from thapsang.domain.reliefs.queries.programmes import programme, programme_named, programmes, text_of

__all__ = [
    "batch",
    "batches",
    "book_in_force",
    "book_of",
    "book_with",
    "by_programme",
    "citations_of_bill",
    "citations_of_bills",
    "evidence_mark",
    "evidence_of",
    "failed_books",
    "granted_total",
    "grants_of_bills",
    "list_names",
    "list_scopes",
    "lists",
    "programme",
    "programme_named",
    "programmes",
    "progress",
    "queue",
    "queue_length",
    "references",
    "rejected",
    "text_of",
    "uses_of",
]
