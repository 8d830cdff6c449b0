"""Where a transaction begins, and the demand that one is open.

After Kraken's django-subatomic: journeys start the transaction (`transaction`), operations
of the domain demand one (`transaction_required`), nobody nests them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

from django.db import transaction as django_transaction

P = ParamSpec("P")
R = TypeVar("R")


class TransactionRequiredError(RuntimeError):
    """An operation was called outside a transaction: call it from a journey."""


def transaction() -> AbstractContextManager[None]:
    """Begin the one transaction of a journey; it may not stand inside another (tests excepted)."""
    # Django marks the test case's own transaction, so `durable` still holds everywhere else.
    return django_transaction.atomic(durable=True)


def inside_transaction() -> bool:
    """Tell whether a transaction is open."""
    return bool(django_transaction.get_connection().in_atomic_block)


def transaction_required(func: Callable[P, R]) -> Callable[P, R]:
    """Refuse to run `func` outside a transaction."""

    @functools.wraps(func)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if not inside_transaction():
            raise TransactionRequiredError(f"{func.__qualname__} writes, and no transaction is open.")
        return func(*args, **kwargs)

    return wrapper
