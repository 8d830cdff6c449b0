"""Writing reliefs: programmes, batches, evidence, uses; grants are written in columns (`bulk`)."""

from thapsang.domain.reliefs.operations.batches import (
    approve,
    approve_reversal,
    ask_reversal,
    finish,
    keep_totals,
    open_batch,
    refuse,
    try_again,
)
from thapsang.domain.reliefs.operations.programmes import close, draft, keep_version, put_in_force, review

__all__ = [
    "approve",
    "approve_reversal",
    "ask_reversal",
    "close",
    "draft",
    "finish",
    "keep_totals",
    "keep_version",
    "open_batch",
    "put_in_force",
    "refuse",
    "review",
    "try_again",
]
