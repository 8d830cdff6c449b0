"""The gateways this installation can send a customer to; the settings name the one to begin with."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from thapsang.domain.payments.types import PaymentGateway

_gateways: dict[str, PaymentGateway] = {}


class UnknownGatewayError(LookupError):
    """No gateway of this name is plugged in."""


def use_gateway(gateway: PaymentGateway) -> None:
    """Plug a gateway in under its own name. The first one is the default."""
    _gateways[gateway.name] = gateway


def gateway(*, name: str = "") -> PaymentGateway:
    """Return the gateway of this name, or the first one plugged in. Raises UnknownGatewayError."""
    if not _gateways:
        use_gateway(import_string(settings.PORTS["gateway"])())
    found = _gateways.get(name) if name else next(iter(_gateways.values()), None)
    if found is None:
        raise UnknownGatewayError(
            f"No payment gateway {name!r} is plugged in; the settings' PORTS names one."
        )
    return found
