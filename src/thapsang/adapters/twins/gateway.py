"""The gateway's side of VNPay 2.1.0: take signed orders, let people pay, tell the merchant."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx

from thapsang.adapters.twins.setting import Setting
from thapsang.engines.signing import vnpay

_GMT7 = ZoneInfo("Asia/Ho_Chi_Minh")
_TIME = "%Y%m%d%H%M%S"
BEHAVIOURS = {
    "normal": "Bình thường",
    "silent": "Không gửi thông báo",
    "duplicate": "Gửi thông báo ba lần",
    "late": "Gửi thông báo muộn",
    "wrong-amount": "Thông báo sai số tiền",
    "forged": "Thông báo giả mạo chữ ký",
}
"""How the notification of one order is to behave."""
_TRIES = 6
_CANCELLED = "24"
_numbers = itertools.count(int(time.time()) % 10**8)


class RefusedOrderError(ValueError):
    """An order the gateway does not take; the text says why."""


@dataclass
class Order:
    """An order as the merchant signed it, and what became of it."""

    params: Mapping[str, str]
    behaviour: str = "normal"
    code: str = ""
    """Response code once the payer has decided: 00 paid, 24 cancelled."""
    notifications: list[dict[str, str]] = field(default_factory=list)

    @property
    def reference(self) -> str:
        """The merchant's number of the order."""
        return self.params["vnp_TxnRef"]

    @property
    def amount(self) -> int:
        """Đồng to pay."""
        return int(self.params["vnp_Amount"]) // 100


class Gateway:
    """All orders by reference."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.orders: dict[str, Order] = {}
        self._lock = threading.Lock()

    def take(self, params: Mapping[str, str], behaviour: str) -> Order:
        """Check a signed order and keep it; the same reference is the same. Raises RefusedOrderError."""
        if not vnpay.is_genuine(params, secret=self.setting.vnpay_secret):
            raise RefusedOrderError("Sai chữ ký (mã 97).")
        if params.get("vnp_TmnCode") != self.setting.terminal:
            raise RefusedOrderError("Website chưa được đăng ký (mã 02).")
        missing = [
            n for n in ("vnp_TxnRef", "vnp_Amount", "vnp_ReturnUrl", "vnp_ExpireDate") if not params.get(n)
        ]
        if missing or not params["vnp_Amount"].isdigit():
            raise RefusedOrderError(f"Thiếu hoặc sai dữ liệu: {', '.join(missing) or 'vnp_Amount'} (mã 03).")
        if params["vnp_ExpireDate"] < datetime.now(_GMT7).strftime(_TIME):
            raise RefusedOrderError("Đã quá thời gian thanh toán (mã 11).")
        with self._lock:
            order = self.orders.setdefault(params["vnp_TxnRef"], Order(params))
            if not order.code:
                order.behaviour = behaviour if behaviour in BEHAVIOURS else "normal"
        return order

    def decide(self, reference: str, *, pay: bool, behaviour: str) -> str:
        """Let the payer pay or cancel; return where the browser goes. Raises RefusedOrderError."""
        with self._lock:
            order = self.orders.get(reference)
            if order is None or order.code:
                raise RefusedOrderError("Giao dịch đã kết thúc hoặc không tồn tại.")
            order.code = "00" if pay else _CANCELLED
            if behaviour in BEHAVIOURS:
                order.behaviour = behaviour
        message = self._message(order)
        threading.Thread(target=self._notify, args=(order, message), daemon=True).start()
        return (
            f"{order.params['vnp_ReturnUrl']}?{vnpay.signed_query(message, secret=self.setting.vnpay_secret)}"
        )

    def return_origin(self, order: Order) -> str:
        """Return scheme and host the browser is sent back to."""
        parts = urlsplit(order.params["vnp_ReturnUrl"])
        return f"{parts.scheme}://{parts.netloc}"

    def _message(self, order: Order) -> dict[str, str]:
        paid = order.code == "00"
        number = str(next(_numbers))
        message = {
            "vnp_TmnCode": self.setting.terminal,
            "vnp_Amount": order.params["vnp_Amount"],
            "vnp_BankCode": "NCB",
            "vnp_OrderInfo": order.params.get("vnp_OrderInfo", ""),
            "vnp_PayDate": datetime.now(_GMT7).strftime(_TIME),
            "vnp_ResponseCode": order.code,
            "vnp_TransactionNo": number if paid else "0",
            "vnp_TransactionStatus": "00" if paid else "02",
            "vnp_TxnRef": order.reference,
        }
        return message | ({"vnp_BankTranNo": f"VNP{number}", "vnp_CardType": "ATM"} if paid else {})

    def _notify(self, order: Order, message: dict[str, str]) -> None:
        """Send the notification as the order's behaviour says, again and again until it is taken."""
        behaviour, secret = order.behaviour, self.setting.vnpay_secret
        if behaviour == "silent":
            return
        time.sleep(self.setting.late if behaviour == "late" else self.setting.pause)
        if behaviour == "wrong-amount":
            message = message | {"vnp_Amount": str(int(message["vnp_Amount"]) - 100_000)}
        if behaviour == "forged":
            secret = "somebody else's"  # noqa: S105 - a wrong one on purpose
        address = f"{self.setting.notify_url}?{vnpay.signed_query(message, secret=secret)}"
        for _ in range(3 if behaviour == "duplicate" else 1):
            self._send(order, address)

    def _send(self, order: Order, address: str) -> None:
        for attempt in range(_TRIES):
            answer = _ask(address)
            order.notifications.append(answer)
            if answer.get("RspCode") in {"00", "02"}:
                return
            time.sleep(min(8.0, self.setting.pause * 2**attempt))


def _ask(address: str) -> dict[str, str]:
    try:
        return {str(k): str(v) for k, v in httpx.get(address, timeout=10).json().items()}
    except (httpx.HTTPError, ValueError) as error:
        return {"problem": type(error).__name__}
