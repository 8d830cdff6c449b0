"""VNPay 2.1.0: send the customer to the gateway, read what it says, answer it."""

from thapsang.adapters.vnpay.gateway import VNPay

__all__ = ["VNPay"]
