"""VNPay 2.1.0: HMAC-SHA512 over the sorted, form-encoded parameters.

Keys sorted, names and values encoded as in a form (space is "+"), joined by "&"; `vnp_SecureHash` and
`vnp_SecureHashType` are left out, as is anything not of VNPay; hexadecimal, lower case. Amounts are
đồng × 100. The older SHA256(secret + data) is not accepted.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote_plus

SIGNATURE = "vnp_SecureHash"
_LEFT_OUT = frozenset({SIGNATURE, "vnp_SecureHashType"})


def query(params: Mapping[str, str]) -> str:
    """Return the text that is signed: VNPay's parameters with a value, sorted and form-encoded."""
    kept = {k: v for k, v in params.items() if k.startswith("vnp_") and k not in _LEFT_OUT and v != ""}
    return "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in sorted(kept.items()))


def sign(params: Mapping[str, str], *, secret: str) -> str:
    """Return the signature of `params` (128 hexadecimal digits)."""
    return hmac.new(secret.encode(), query(params).encode(), hashlib.sha512).hexdigest()


def signed_query(params: Mapping[str, str], *, secret: str) -> str:
    """Return a query string that carries `params` and their signature."""
    return f"{query(params)}&{SIGNATURE}={sign(params, secret=secret)}"


def is_genuine(params: Mapping[str, str], *, secret: str) -> bool:
    """Tell whether the signature in `params` is that of their content under `secret`; constant time."""
    given = params.get(SIGNATURE, "").lower()
    return hmac.compare_digest(given.encode(), sign(params, secret=secret).encode())
