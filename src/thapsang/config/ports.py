"""Which adapter serves which port. Called once, when Django is ready."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from thapsang.adapters.pkcs11 import Token
from thapsang.adapters.seller_key import DemonstrationKey, KeyFile, NoKey
from thapsang.adapters.sms_gateway import SmsGateway
from thapsang.adapters.tax_authority import TaxService
from thapsang.adapters.vnpay import VNPay
from thapsang.domain.invoices import operations as invoices
from thapsang.domain.invoices.queries import current_policy
from thapsang.domain.invoices.types import KeyOpener
from thapsang.domain.notifications import operations as notifications
from thapsang.domain.payments import operations as payments
from thapsang.engines.einvoice import Signer


def plug() -> None:
    """Plug the payment gateway, the sender of short messages, the signing key and the tax authority in, as set."""
    vnpay = settings.VNPAY
    payments.use_gateway(VNPay(vnpay["url"], vnpay["terminal"], vnpay["secret"], vnpay["return_url"]))
    notifications.use_sender(SmsGateway(settings.SMS["url"], settings.SMS["token"]))
    invoices.use_key(_seller_key)
    invoices.use_authority(TaxService(settings.TAX_AUTHORITY["url"], settings.TAX_AUTHORITY["token"]))


def _seller_key() -> Signer:
    """Open the key the settings name; an invented one where none is named, never in production."""
    return _key_opener()()


def _key_opener() -> KeyOpener:
    named = settings.INVOICE_KEY
    if named["file"]:
        return KeyFile(Path(named["file"]), Path(named["password_file"]) if named["password_file"] else None)
    if named["token"]:
        pin = Path(named["pin_file"] or "THAPSANG_INVOICE_PIN_FILE")
        return Token(Path(named["token"]), named["token_label"], named["token_key"], pin)
    if settings.PRODUCTION:
        return NoKey()
    return DemonstrationKey(settings.FILES.parent / "keys", current_policy().seller.tax_code)
