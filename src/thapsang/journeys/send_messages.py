"""Short messages that wait are sent: those nobody waits for, and those whose first try failed."""

from __future__ import annotations

from collections import Counter

from django.utils import timezone

from thapsang.domain.notifications import operations as notifications
from thapsang.kit.db.transactions import transaction

MOST = 500


def send_waiting(*, most: int = MOST) -> Counter[str]:
    """Send messages that are due, at most `most`; return how many came to which status.

    Several workers may send at once: each message is in one's hands. The provider is asked outside any
    transaction; a message whose sender died is tried again (it may then arrive twice, never not at all).
    """
    done = Counter[str]()
    while done.total() < most:
        with transaction():
            waiting = notifications.claim_sms(at=timezone.now())
        if waiting is None:
            break
        status = notifications.deliver_sms(waiting, at=timezone.now())
        done[status] += 1
        if status == "queued":
            break  # The provider does not answer: the others would learn the same.
    return done
