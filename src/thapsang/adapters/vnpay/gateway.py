"""The gateway's side of the port `PaymentGateway`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from thapsang.domain.payments.types import (
    ForgedMessageError,
    GatewayMessage,
    Order,
    UnreadableMessageError,
    Verdict,
)
from thapsang.engines.signing import vnpay

_GMT7 = ZoneInfo("Asia/Ho_Chi_Minh")
_TIME = "%Y%m%d%H%M%S"

_ANSWERS = {
    Verdict.SETTLED: ("00", "Confirm Success"),
    Verdict.FAILURE_KEPT: ("00", "Confirm Success"),
    Verdict.UNKNOWN_ORDER: ("01", "Order not found"),
    Verdict.ALREADY_CONFIRMED: ("02", "Order already confirmed"),
    Verdict.SECOND_TRANSACTION: ("02", "Order already confirmed"),
    Verdict.FAILURE_AFTER_SUCCESS: ("02", "Order already confirmed"),
    Verdict.SUCCESS_AFTER_FAILURE: ("02", "Order already confirmed"),
    Verdict.WRONG_AMOUNT: ("04", "Invalid amount"),
    Verdict.FORGED: ("97", "Invalid signature"),
}


@dataclass(frozen=True)
class VNPay:
    """The gateway at `url` for our `terminal` (vnp_TmnCode); `return_url` takes the browser back."""

    url: str
    terminal: str
    secret: str
    return_url: str
    name: str = "vnpay"

    def redirect_url(self, order: Order) -> str:
        """Return the signed address that lets the customer pay `order`."""
        params = {
            "vnp_Version": "2.1.0",
            "vnp_Command": "pay",
            "vnp_TmnCode": self.terminal,
            "vnp_Amount": str(order.amount * 100),
            "vnp_CurrCode": "VND",
            "vnp_TxnRef": order.reference,
            "vnp_OrderInfo": order.description,
            "vnp_OrderType": "billpayment",
            "vnp_Locale": order.language,
            "vnp_ReturnUrl": self.return_url,
            "vnp_IpAddr": order.payer_address,
            "vnp_CreateDate": order.created_at.astimezone(_GMT7).strftime(_TIME),
            "vnp_ExpireDate": order.expires_at.astimezone(_GMT7).strftime(_TIME),
        }
        return f"{self.url}?{vnpay.signed_query(params, secret=self.secret)}"

    def read(self, params: Mapping[str, str]) -> GatewayMessage:
        """Check the signature, then read the message.

        Raises ForgedMessageError, or UnreadableMessageError naming the field.
        """
        if not vnpay.is_genuine(params, secret=self.secret):
            raise ForgedMessageError("vnp_SecureHash is not VNPay's signature of these parameters.")
        if params.get("vnp_TmnCode") != self.terminal:
            raise UnreadableMessageError("vnp_TmnCode names another merchant's terminal.")
        code, status = _text(params, "vnp_ResponseCode"), _text(params, "vnp_TransactionStatus")
        successful = code == status == "00"
        number = _text(params, "vnp_TransactionNo") if successful else params.get("vnp_TransactionNo", "")
        return GatewayMessage(
            reference=_text(params, "vnp_TxnRef"),
            amount=_dong(params),
            successful=successful,
            provider_reference=number,
            paid_at=_time(params),
            code=code,
        )

    def answer(self, verdict: Verdict) -> dict[str, str]:
        """Return RspCode and Message; 99 asks the gateway to send the notification again."""
        code, message = _ANSWERS.get(verdict, ("99", "Unknown error"))
        return {"RspCode": code, "Message": message}


def _text(params: Mapping[str, str], name: str) -> str:
    value = params.get(name, "")
    if not re.fullmatch(r"[0-9A-Za-z_.-]{1,80}", value):
        raise UnreadableMessageError(f"{name} is missing, or not letters and digits.")
    return value


def _dong(params: Mapping[str, str]) -> int:
    text = _text(params, "vnp_Amount")
    if not re.fullmatch(r"[1-9][0-9]{2,14}", text) or not text.endswith("00"):
        raise UnreadableMessageError("vnp_Amount is not a whole number of đồng × 100.")
    return int(text) // 100


def _time(params: Mapping[str, str]) -> datetime | None:
    try:
        return datetime.strptime(params.get("vnp_PayDate", ""), _TIME).replace(tzinfo=_GMT7)
    except ValueError:
        return None
