"""What searching reads, brought into memory when the worker starts (`thapsang db warm` does it by hand)."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from thapsang.domain.customers.queries import SEARCHED as IN_CUSTOMERS
from thapsang.domain.metering.queries import SEARCHED as IN_METERING
from thapsang.kit.db.place import is_embedded
from thapsang.kit.db.warming import Warmed, warm

MOST = 4 * 2**30
"""Bytes read at most: a province of 1.2 million customers has 2 GiB to search in."""


def warm_search(*, most: int = MOST, told: Callable[[Warmed], None] = lambda _: None) -> list[Warmed]:
    """Have the database read what searching needs; no more than half of the memory that is free here."""
    if is_embedded():
        most = min(most, psutil.virtual_memory().available // 2)
    return warm(tables=[*IN_CUSTOMERS, *IN_METERING], most=most, told=told)
