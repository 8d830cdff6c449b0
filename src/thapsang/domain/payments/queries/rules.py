"""policies/<distributor>/payments/collection.yaml: where money goes, at what cost, for how long."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from thapsang.domain.payments.types import METHODS, CollectionRules


class PaymentRulesError(ValueError):
    """The policy file is missing or wrong; the message names file, key and remedy."""


def rules() -> CollectionRules:
    """Return the collection rules of this installation. Raises PaymentRulesError."""
    return _of(settings.POLICIES, settings.DISTRIBUTOR)


@functools.cache
def _of(policies: Path | str, distributor: str) -> CollectionRules:
    return load(Path(policies) / distributor / "payments" / "collection.yaml")


@functools.cache
def load(path: Path) -> CollectionRules:
    """Read and check one file of collection rules. Raises PaymentRulesError."""
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text())
    except OSError as error:
        raise PaymentRulesError(f"{path.name} of payments is missing: add it to the policies.") from error
    try:
        read = _read(content)
    except (KeyError, TypeError, ValueError) as error:
        text = f"{path.name}: {error} is missing or has the wrong kind of value."
        raise PaymentRulesError(text) from error
    if read.fee != 0:
        raise PaymentRulesError(
            f"{path.name}: customer_fee is {read.fee}; no payment adds a cost, so it is 0."
        )
    return read


def _read(content: dict[str, Any]) -> CollectionRules:
    account = content["account"]
    return CollectionRules(
        bank_bin=str(account["bin"]), bank_name=str(account["bank"]), account=str(account["number"]),
        account_name=str(account["name"]), account_invented=bool(account["invented"]),
        fee=int(content["customer_fee"]),
        confirm_days=int(content["bank_confirms_within_days"]),
        minutes={m: int(content["intent_minutes"][m]) for m in METHODS},
    )  # fmt: skip
