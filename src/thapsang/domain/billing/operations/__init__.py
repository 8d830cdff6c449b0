"""Writing runs and the exception queue; bills themselves are written in columns (`bulk`)."""

from thapsang.domain.billing.operations.exceptions import assign_exception, resolve_exception
from thapsang.domain.billing.operations.runs import (
    finish_run,
    open_month,
    open_period,
    open_run,
    prepare_books,
)

__all__ = [
    "assign_exception",
    "finish_run",
    "open_month",
    "open_period",
    "open_run",
    "prepare_books",
    "resolve_exception",
]
