"""A bank whose customers scan VietQR codes: it reads a code and confirms the money by the merchant's API."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from thapsang.adapters.twins.setting import Setting
from thapsang.engines import qr


class TransferError(ValueError):
    """A transfer that cannot be made; the text says why."""


@dataclass(frozen=True)
class Transferred:
    """What the merchant answered to the confirmation."""

    transfer: qr.Transfer
    amount: int
    status: int
    answer: dict[str, Any]


@dataclass(frozen=True)
class Bank:
    """The bank, a client of the merchant's API."""

    setting: Setting

    def transfer(self, payload: str, amount: str = "", key: str = "") -> Transferred:
        """Pay what a code asks for (or another amount) and confirm it. Raises TransferError."""
        try:
            code = qr.decode(payload.strip())
        except qr.QrError as error:
            raise TransferError(f"Mã QR không đọc được: {error}") from error
        dong = int(amount) if amount.isdigit() else code.amount
        if not dong or not code.bill:
            raise TransferError("Mã QR thiếu số tiền hoặc mã thanh toán.")
        number = f"FT{datetime.now(UTC):%y%j}{secrets.token_hex(4).upper()}"
        body = {
            "reference": code.bill,
            "amount": dong,
            "transaction_id": number,
            "paid_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        headers = {"Authorization": f"Bearer {self._token()}", "Idempotency-Key": key or number}
        try:
            answer = httpx.post(f"{self.setting.api_url}/payments", json=body, headers=headers, timeout=10)
            return Transferred(code, dong, answer.status_code, answer.json())
        except (httpx.HTTPError, ValueError) as error:
            raise TransferError(f"Không gọi được API của bên nhận ({type(error).__name__}).") from error

    def _token(self) -> str:
        form = {"grant_type": "client_credentials", "scope": "payments:write"}
        pair = (self.setting.bank_client, self.setting.bank_secret)
        try:
            answer = httpx.post(f"{self.setting.api_url}/oauth/token", data=form, auth=pair, timeout=10)
            return str(answer.raise_for_status().json()["access_token"])
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise TransferError(
                "Ngân hàng chưa được cấp quyền gọi API: đặt THAPSANG_TWIN_CLIENT_ID và "
                "THAPSANG_TWIN_CLIENT_SECRET (lệnh `thapsang api client add` in ra)."
            ) from error
