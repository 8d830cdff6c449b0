"""Reads of notifications: texts of messages, who speaks in them, and how many wait."""

from __future__ import annotations

from django.db.models import Count

from thapsang.domain.notifications.models import Message
from thapsang.domain.notifications.queries.codes import email_asked
from thapsang.domain.notifications.queries.letters import BOTH, email_rules, identity, letter, read, templates
from thapsang.domain.notifications.types import UnknownTemplateError

__all__ = [
    "BOTH",
    "email_asked",
    "email_counts",
    "email_problems",
    "email_rules",
    "letter",
    "message_counts",
    "sms_text",
    "speaker",
]


def sms_text(*, template: str, language: str, **values: str) -> str:
    """Return the text of a short message from the distributor's policy, in `language` or else Vietnamese.

    Raises UnknownTemplateError naming the template and the file to add it to.
    """
    file = templates() / "sms.yaml"
    texts = read(file).get(template)
    if not texts:
        raise UnknownTemplateError(f"No text '{template}' in {file.name}: add it there.")
    text: str = texts.get(language, texts["vi"])
    return text.format(**values)


def speaker() -> dict[str, str]:
    """Return the distributor's name and hotline as short messages say them."""
    who = identity()
    return {"distributor": who["sms_name"], "hotline": who["hotline"]}


def email_counts(*, about: str) -> dict[str, int]:
    """Return how many e-mails about something (a prefix, such as `bill-month:2026-10:`) there are by status."""
    rows = Message.objects.filter(channel="email", about__startswith=about)
    return dict(rows.values_list("status").annotate(Count("id")).order_by("status"))


def email_problems(*, about: str, limit: int = 50) -> list[tuple[str, str, str]]:
    """Return what e-mails did not arrive: what they told, status, reason; no address."""
    rows = Message.objects.filter(channel="email", about__startswith=about)
    rows = rows.filter(status__in=["refused", "bounced", "failed"]).order_by("-id")
    found = rows.values_list("about", "status", "problem")[:limit]
    return [(about or "", status, why) for about, status, why in found]


def message_counts() -> dict[str, int]:
    """Return how many messages there are by status (queued, sent, failed)."""
    return dict(Message.objects.values_list("status").annotate(Count("id")).order_by("status"))
