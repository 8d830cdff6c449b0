"""A payment by transfer as the page shows it: the VietQR drawing and the same facts as text."""

from __future__ import annotations

import io
from dataclasses import dataclass

import segno
from django.utils.safestring import SafeString, mark_safe

from thapsang.domain.payments import queries as payments
from thapsang.domain.payments.types import IntentView
from thapsang.interfaces.portal.demonstration import bank_url
from thapsang.journeys.pay_bill import transfer_code


@dataclass(frozen=True)
class ShownTransfer:
    """What the payer's bank app needs, drawn and in words."""

    drawing: SafeString
    bank: str
    account: str
    account_name: str
    amount: int
    reference: str
    invented: bool
    """True while the account is a demonstration's: nobody should send money to it."""
    sandbox: str
    """Where the sandbox bank pays this code; empty when the account is real."""


def draw(payload: str) -> SafeString:
    """Draw a QR code as SVG that takes its colours from the stylesheet."""
    out = io.BytesIO()
    code = segno.make(payload, error="m", micro=False)
    code.save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=True,
        omitsize=True,
        border=4,
        svgclass="qr",
        lineclass=None,
        dark="#000",
        light="#fff",
    )
    return mark_safe(out.getvalue().decode())  # noqa: S308 - drawn by us from digits and letters


def transfer_of(intent: IntentView) -> ShownTransfer:
    """Return what the page of an open transfer shows."""
    rules = payments.rules()
    payload = transfer_code(reference=intent.reference, amount=intent.amount)
    return ShownTransfer(
        drawing=draw(payload),
        bank=rules.bank_name,
        account=rules.account,
        account_name=rules.account_name,
        amount=intent.amount,
        reference=intent.reference,
        invented=rules.account_invented,
        sandbox=bank_url(payload) if rules.account_invented else "",
    )
