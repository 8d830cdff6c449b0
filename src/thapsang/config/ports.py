"""Which adapter serves which port. Called once, when Django is ready."""

from __future__ import annotations

from django.conf import settings

from thapsang.adapters.sms_gateway import SmsGateway
from thapsang.adapters.vnpay import VNPay
from thapsang.domain.notifications import operations as notifications
from thapsang.domain.payments import operations as payments


def plug() -> None:
    """Plug the payment gateway and the sender of short messages in, as the settings say."""
    vnpay = settings.VNPAY
    payments.use_gateway(VNPay(vnpay["url"], vnpay["terminal"], vnpay["secret"], vnpay["return_url"]))
    notifications.use_sender(SmsGateway(settings.SMS["url"], settings.SMS["token"]))
