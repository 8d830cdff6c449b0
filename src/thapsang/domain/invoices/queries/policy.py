"""The policy of e-invoices, read from policies/<distributor>/invoices."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from thapsang.domain.invoices.types import AuthorityRule, InvoicePolicyError, Policy, SeriesRule
from thapsang.engines.einvoice import EInvoiceError, Seller
from thapsang.engines.einvoice.checking import check_seller, check_series

_SELLER = ("name", "tax_code", "address", "phone", "email", "bank_account", "bank_name", "website")


def current_policy() -> Policy:
    """Return this installation's policy; raise InvoicePolicyError naming file, key and remedy."""
    return load_policy(Path(settings.POLICIES) / settings.DISTRIBUTOR / "invoices")


@functools.lru_cache(maxsize=4)
def load_policy(folder: Path) -> Policy:
    """Read the policy from a folder with seller.yaml, series.yaml, authority.yaml and words.yaml."""
    seller, authority = _read(folder, "seller.yaml"), _read(folder, "authority.yaml")
    return Policy(
        seller=_seller(seller),
        invented=bool(seller.get("invented")),
        series=_entries(_read(folder, "series.yaml"), "series.yaml", "series", _series),
        authority=_entries(authority, "authority.yaml", "handing_over", _authority),
        key_notices=_notices(authority),
        words=_words(_read(folder, "words.yaml")),
    )


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InvoicePolicyError(
            f"{folder.name}/{name}: it cannot be read: {error}. Restore the file."
        ) from error
    if not isinstance(content, dict):
        raise InvoicePolicyError(f"{folder.name}/{name}: it is no mapping. Restore the file.")
    return content


def _seller(content: dict[str, Any]) -> Seller:
    seller = Seller(**{name: str(content.get(name) or "") for name in _SELLER})
    try:
        check_seller(seller)
    except EInvoiceError as error:
        raise InvoicePolicyError(f"seller.yaml: {error}") from error
    return seller


def _entries(
    content: dict[str, Any], file: str, key: str, made: Callable[[dict[str, Any], date], Any]
) -> tuple[tuple[date, date | None, Any], ...]:
    found: list[tuple[date, date | None, Any]] = []
    for number, entry in enumerate(content.get(key) or []):
        start, until = entry.get("from"), entry.get("until")
        if not isinstance(start, date) or not (until is None or (isinstance(until, date) and until > start)):
            raise InvoicePolicyError(
                f"{file}: {key}[{number}]: `from` is a date, `until` a later one or null."
            )
        if any(_overlap(start, until, s, u) for s, u, _ in found):
            raise InvoicePolicyError(f"{file}: {key}[{number}]: it overlaps an earlier entry: end that one.")
        if not (entry.get("reference") or {}).get("document"):
            raise InvoicePolicyError(f"{file}: {key}[{number}]: reference: name the document it rests on.")
        try:
            found.append((start, until, made(entry, start)))
        except (KeyError, TypeError, ValueError) as error:
            raise InvoicePolicyError(
                f"{file}: {key}[{number}]: {error}: write it as in the others."
            ) from error
    if not found:
        raise InvoicePolicyError(f"{file}: {key}: no entry: write from, until and the rest.")
    return tuple(found)


def _overlap(start: date, until: date | None, other: date, other_until: date | None) -> bool:
    return (other_until is None or start < other_until) and (until is None or other < until)


def _series(entry: dict[str, Any], start: date) -> SeriesRule:
    names = ("form", "letters", "kind", "title", "payment_method", "provider_tax_code")
    rule = SeriesRule(coded=bool(entry["coded"]), **{name: str(entry[name]) for name in names})
    check_series(rule.code(start), start.year)
    return rule


def _authority(entry: dict[str, Any], start: date) -> AuthorityRule:
    most, tries = int(entry["invoices_a_message"]), int(entry["tries"])
    if not 1 <= most <= 5_000 or not 1 <= tries <= 100:
        raise ValueError("`invoices_a_message` is 1 to 5000, `tries` 1 to 100")
    return AuthorityRule(
        sender=str(entry["sender"]), receiver=str(entry["receiver"]), kind=str(entry["kind"]),
        invoices_a_message=most, tries=tries, first_pause=timedelta(seconds=int(entry["first_pause"])),
        longest_pause=timedelta(seconds=int(entry["longest_pause"])),
        answer_time=timedelta(hours=int(entry["answer_hours"])),
    )  # fmt: skip


def _notices(content: dict[str, Any]) -> tuple[int, ...]:
    days = content.get("key_notices") or []
    if not days or not all(isinstance(day, int) and day > 0 for day in days):
        raise InvoicePolicyError("authority.yaml: key_notices: a list of days such as [30, 7, 1].")
    return tuple(sorted(days, reverse=True))


def _words(content: dict[str, Any]) -> dict[str, Any]:
    for key, needed in (
        ("unit", {"energy", "reactive"}), ("lines", {"tier", "band", "flat", "reactive", "other"}),
        ("categories", {"other"}), ("bands", {"normal", "peak", "offpeak"}),
        ("extras", {"period", "point", "bill", "look_up"}), ("reasons", {"adjusts", "replaces", "rejected"}),
    ):  # fmt: skip
        missing = needed - set(content.get(key) or {})
        if missing:
            raise InvoicePolicyError(
                f"words.yaml: {key}: {', '.join(sorted(missing))} missing: write the words."
            )
    return content
