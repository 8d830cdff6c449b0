"""Reads of notifications: texts of messages, who speaks in them, and how many wait."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db.models import Count

from thapsang.domain.notifications.models import Message
from thapsang.domain.notifications.types import EmailRules, UnknownTemplateError


@lru_cache(maxsize=8)
def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def _templates() -> Path:
    return Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates"


def sms_text(*, template: str, language: str, **values: str) -> str:
    """Return the text of a short message from the distributor's policy, in `language` or else Vietnamese.

    Raises UnknownTemplateError naming the template and the file to add it to.
    """
    file = _templates() / "sms.yaml"
    texts = _read(file).get(template)
    if not texts:
        raise UnknownTemplateError(f"No text '{template}' in {file.name}: add it there.")
    text: str = texts.get(language, texts["vi"])
    return text.format(**values)


def speaker() -> dict[str, str]:
    """Return the distributor's name and hotline as short messages say them."""
    identity = _read(_templates() / "identity.yaml")
    return {"distributor": identity["sms_name"], "hotline": identity["hotline"]}


def email_text(*, template: str, **values: str) -> tuple[str, str]:
    """Return subject and text of an e-mail from the distributor's policy, in Vietnamese; it knows who speaks.

    Raises UnknownTemplateError naming the template and the file to add it to.
    """
    file = _templates() / "email.yaml"
    texts = _read(file).get(template)
    if not texts:
        raise UnknownTemplateError(f"No e-mail '{template}' in {file.name}: add it there.")
    identity = _read(_templates() / "identity.yaml")
    said = {"distributor": identity["name"], "hotline": identity["hotline_shown"]} | values
    return texts["vi"]["subject"].format(**said), texts["vi"]["text"].format(**said)


def email_rules() -> EmailRules:
    """Return how fast and how often e-mails are sent. Raises UnknownTemplateError naming what the file lacks."""
    file = _templates() / "email.yaml"
    try:
        rules = _read(file)["sending"]
        return EmailRules(
            int(rules["per_minute"]), int(rules["tries"]), timedelta(seconds=rules["first_pause"]),
            timedelta(seconds=rules["longest_pause"]), int(rules["attach_limit"]),
        )  # fmt: skip
    except KeyError as error:
        raise UnknownTemplateError(f"{file.name}: sending lacks {error}: add it.") from error


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
