"""What identity does not keep: tokens, sessions and counters whose time is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session

from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.identity import throttling
from thapsang.kit.identity.models import ApiToken

_LONGEST_WINDOW = timedelta(days=2)


@transaction_required
def forget_expired_tokens(*, at: datetime) -> int:
    """Delete tokens of the API that have expired; return how many."""
    return ApiToken.objects.filter(expires_at__lte=at).delete()[0]


@transaction_required
def forget_expired_sessions(*, at: datetime) -> int:
    """Delete sessions that have expired; return how many."""
    return Session.objects.filter(expire_date__lte=at).delete()[0]


@transaction_required
def forget_old_attempts(*, at: datetime) -> int:
    """Delete counters of attempts whose window is long over; return how many."""
    return throttling.tidy(before=at - _LONGEST_WINDOW)
