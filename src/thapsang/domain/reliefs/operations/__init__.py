"""Writing reliefs: programmes, batches, evidence, uses; grants are written in columns (`bulk`)."""

from thapsang.domain.reliefs.operations.batches import (
    approve,
    approve_reversal,
    ask_reversal,
    finish,
    keep_totals,
    open_batch,
    refuse,
    standing_batch,
    try_again,
)
from thapsang.domain.reliefs.operations.evidence import decide_row, import_list
from thapsang.domain.reliefs.operations.programmes import close, draft, keep_version, put_in_force, review
from thapsang.domain.reliefs.operations.uses import record_use

__all__ = [
    "approve",
    "approve_reversal",
    "ask_reversal",
    "close",
    "decide_row",
    "draft",
    "finish",
    "import_list",
    "keep_totals",
    "keep_version",
    "open_batch",
    "put_in_force",
    "record_use",
    "refuse",
    "review",
    "standing_batch",
    "try_again",
]
