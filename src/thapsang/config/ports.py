"""Which adapter serves which port.

The settings' PORTS name these functions, and a port asks for its adapter when it is first used: a command that
sends nothing and signs nothing does not load what sends and signs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from thapsang.adapters.pkcs11 import Token
from thapsang.adapters.seller_key import DemonstrationKey, KeyFile, NoKey
from thapsang.adapters.sms_gateway import SmsGateway
from thapsang.adapters.tax_authority import TaxService
from thapsang.adapters.vnpay import VNPay
from thapsang.domain.invoices.queries import current_policy
from thapsang.domain.invoices.types import KeyOpener
from thapsang.engines.einvoice import Signer

if TYPE_CHECKING:
    from thapsang.adapters.smtp import SmtpSender
    from thapsang.journeys.deliver_bills.sheets import Printer


def gateway() -> VNPay:
    """Return the payment gateway as set."""
    vnpay = settings.VNPAY
    return VNPay(vnpay["url"], vnpay["terminal"], vnpay["secret"], vnpay["return_url"])


def sms_sender() -> SmsGateway:
    """Return the sender of short messages as set."""
    return SmsGateway(settings.SMS["url"], settings.SMS["token"])


def email_sender() -> SmtpSender:
    """Return the mail server as set; what speaks SMTP is loaded with the first e-mail."""
    from thapsang.adapters.smtp import SmtpSender

    named = settings.EMAIL
    return SmtpSender(
        host=named["host"], port=named["port"], sender=named["sender"], security=named["security"],
        user=named["user"], password_file=Path(named["password_file"]) if named["password_file"] else None,
    )  # fmt: skip


def bill_printer() -> Printer:
    """Return what sets bills for the printer and for e-mails; Typst is loaded with the first one."""
    from thapsang.interfaces.shared.bill_pdf.wording import print_sheets

    return print_sheets


def tax_authority() -> TaxService:
    """Return the tax authority's service as set."""
    return TaxService(settings.TAX_AUTHORITY["url"], settings.TAX_AUTHORITY["token"])


def seller_key() -> Signer:
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
