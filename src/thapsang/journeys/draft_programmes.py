"""The distributor's relief programmes as drafts, so that the demonstration's desk is not empty.

Nothing is granted by a draft: two people of the demonstration review it and put it in force.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import yaml
from django.conf import settings

from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.queries.books import folder
from thapsang.domain.tariffs import queries as tariffs
from thapsang.kit.db.transactions import transaction

EXAMPLE = "network/demonstration-relief.yaml"
"""The invented programme among the demonstration's own data: it counts for the months the province is billed for."""


def draft_all(*, actor: str, at: datetime) -> int:
    """Draft every programme of `policies/<distributor>/reliefs` and the invented one; return how many.

    Where any programme is known already, whatever its state, nothing is drafted: the desk belongs to its people.
    Raises PolicyError naming the file, the key and the fix.
    """
    if queries.programmes():
        return 0
    files = [
        *sorted(folder().glob("*.yaml")),
        Path(settings.POLICIES) / settings.DISTRIBUTOR / EXAMPLE,
    ]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files if path.is_file()}
    book, drafted = tariffs.current_book(), 0
    for name, text in texts.items():
        if yaml.safe_load(text).get("kind") != "programme":
            continue
        with transaction():
            operations.draft(file=name, text=text, tariffs=book, actor=actor, reason="demonstration", at=at)
        drafted += 1
    return drafted
