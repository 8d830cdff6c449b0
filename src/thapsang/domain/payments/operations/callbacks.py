"""Every message of a provider is kept, the forged ones as well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from thapsang.domain.payments.models import Callback
from thapsang.domain.payments.types import Verdict
from thapsang.kit.db.transactions import transaction_required

_MOST_FIELDS, _MOST_LETTERS = 60, 500


@transaction_required
def keep_callback(
    *, provider: str, kind: str, payload: Mapping[str, str], verdict: Verdict, reference: str, at: datetime
) -> None:
    """Keep a provider's message (`kind`: ipn or return) and what was made of it.

    Fields past the sixtieth and letters past the five-hundredth are cut: a stranger can send anything.
    """
    kept = {k[:_MOST_LETTERS]: v[:_MOST_LETTERS] for k, v in list(payload.items())[:_MOST_FIELDS]}
    clean = {k.replace("\0", ""): v.replace("\0", "") for k, v in kept.items()}
    Callback.objects.create(
        provider=provider, kind=kind, payload=clean, verdict=verdict.value,
        reference=reference.replace("\0", "")[:80], received_at=at,
    )  # fmt: skip
