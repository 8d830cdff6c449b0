"""Writing invoices: open a month, prepare its books, messages, the plugged-in ports."""

from thapsang.domain.invoices.operations.batches import finish_batch, open_batch, open_series, prepare_books
from thapsang.domain.invoices.operations.messages import (
    Due,
    ask_now,
    claim_due,
    give_up,
    keep_answer,
    make_message,
    mark_overdue,
    note_forgotten,
    note_hash,
    note_received,
    note_refused,
    note_unreachable,
    try_again,
)
from thapsang.domain.invoices.operations.ports import authority, signer, use_authority, use_key

__all__ = [
    "Due",
    "ask_now",
    "authority",
    "claim_due",
    "finish_batch",
    "give_up",
    "keep_answer",
    "make_message",
    "mark_overdue",
    "note_forgotten",
    "note_hash",
    "note_received",
    "note_refused",
    "note_unreachable",
    "open_batch",
    "open_series",
    "prepare_books",
    "signer",
    "try_again",
    "use_authority",
    "use_key",
]
