"""The policy of billing, read from policies/<distributor>/billing."""

from __future__ import annotations

import functools
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from thapsang.domain.billing.types import BillingPolicy, BillingPolicyError, Remedy


def current_policy() -> BillingPolicy:
    """Return this installation's billing policy; raise BillingPolicyError naming file, key and remedy."""
    return load_policy(Path(settings.POLICIES) / settings.DISTRIBUTOR / "billing")


@functools.lru_cache(maxsize=4)
def load_policy(folder: Path) -> BillingPolicy:
    """Read the policy from a folder with terms.yaml, accounts.yaml and exceptions.yaml."""
    accounts = _read(folder, "accounts.yaml")
    return BillingPolicy(
        due=_due(_read(folder, "terms.yaml")),
        remedies=_remedies(_read(folder, "exceptions.yaml")),
        **{name: _account(accounts, name) for name in ("receivable", "revenue", "vat")},
    )


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise BillingPolicyError(
            f"{folder.name}/{name}: it cannot be read: {error}. Restore the file."
        ) from error
    if not isinstance(content, dict):
        raise BillingPolicyError(f"{folder.name}/{name}: it is no mapping. Restore the file.")
    return content


def _due(content: dict[str, Any]) -> tuple[tuple[date, date | None, int], ...]:
    entries = []
    for number, entry in enumerate(content.get("due") or []):
        start, until, days = entry.get("from"), entry.get("until"), entry.get("days")
        if not isinstance(start, date) or not isinstance(days, int) or not 0 <= days <= 60:
            raise BillingPolicyError(
                f"terms.yaml: due[{number}]: `from` is a date and `days` a number from 0 to 60."
            )
        entries.append((start, until, days))
    if not entries:
        raise BillingPolicyError("terms.yaml: due: no entry: write from, until and days.")
    return tuple(entries)


def _account(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value.isdigit() or len(value) > 6:
        raise BillingPolicyError(
            f'accounts.yaml: {name}: {value!r} is no account number: write it like "511".'
        )
    return value


def _remedies(content: dict[str, Any]) -> dict[str, Remedy]:
    remedies = {}
    for code, entry in (content.get("exceptions") or {}).items():
        title, remedy = entry.get("title") or {}, entry.get("remedy") or {}
        if not {"vi", "en"} <= set(title) & set(remedy):
            raise BillingPolicyError(f"exceptions.yaml: {code}: title and remedy need both `vi` and `en`.")
        remedies[code] = Remedy(code, title, remedy)
    if "other" not in remedies:
        raise BillingPolicyError(
            "exceptions.yaml: the entry `other`, which speaks for unknown codes, is missing."
        )
    return remedies
