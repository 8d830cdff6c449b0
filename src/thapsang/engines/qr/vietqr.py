"""Transfer codes of VietQR (NAPAS): who is paid, how much, what for.

Fields: 00 "01" · 01 "11" static, "12" dynamic · 38 {00 the NAPAS identifier · 01 {00 BIN, 01 account or card}
· 02 QRIBFTTA (account) or QRIBFTTC (card)} · 53 "704" · 54 amount · 58 "VN" · 62 {01 bill number, 08 purpose}
· 63 CRC. Source: NAPAS, QR format for transfers, section 6.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from thapsang.engines.qr.tlv import QrError, field, fields_of, seal, unseal

NAPAS = "A000000727"
TO_ACCOUNT = "QRIBFTTA"
TO_CARD = "QRIBFTTC"
_DONG = "704"
_PLAIN = re.compile(r"[A-Za-z0-9 ./-]{1,25}")


@dataclass(frozen=True)
class Transfer:
    """A transfer asked for by a code. `amount` in đồng; None when the payer fills it in (static code)."""

    bank: str
    """BIN of the bank: six digits."""
    account: str
    """Account (at most 19 letters or digits) or card number."""
    amount: int | None = None
    bill: str = ""
    """Number of what is paid (field 62-01)."""
    purpose: str = ""
    """Text the payer's bank passes on (field 62-08)."""
    to_card: bool = False


def encode(transfer: Transfer) -> str:
    """Return the code's text for a transfer; dynamic when it carries an amount.

    Raises QrError naming the part that does not fit the format: BIN, account, amount, bill or purpose.
    """
    _check(transfer)
    receiver = field("00", transfer.bank) + field("01", transfer.account)
    service = TO_CARD if transfer.to_card else TO_ACCOUNT
    text = field("00", "01") + field("01", "11" if transfer.amount is None else "12")
    text += field("38", field("00", NAPAS) + field("01", receiver) + field("02", service))
    text += field("53", _DONG)
    if transfer.amount is not None:
        text += field("54", str(transfer.amount))
    text += field("58", "VN") + _additional(transfer)
    return seal(text)


def _additional(transfer: Transfer) -> str:
    parts = (("01", transfer.bill), ("08", transfer.purpose))
    inner = "".join(field(tag, value) for tag, value in parts if value)
    return field("62", inner) if inner else ""


def _check(transfer: Transfer) -> None:
    if not re.fullmatch(r"[0-9]{6}", transfer.bank):
        raise QrError(f"The bank's BIN is {transfer.bank!r}; six digits are needed.")
    if not re.fullmatch(r"[0-9A-Za-z]{1,19}", transfer.account):
        raise QrError("The account has 1 to 19 letters or digits, nothing else.")
    if transfer.amount is not None and not 1 <= transfer.amount < 10**13:
        raise QrError(f"The amount is {transfer.amount}; 1 to 9,999,999,999,999 đồng are allowed.")
    for name, value in (("bill", transfer.bill), ("purpose", transfer.purpose)):
        if value and not _PLAIN.fullmatch(value):
            raise QrError(f"The {name} is {value!r}; at most 25 of A-Z, a-z, 0-9, space, '.', '/', '-'.")


def decode(text: str) -> Transfer:
    """Read a VietQR transfer code, strictly, down to the innermost fields.

    Raises QrError naming the field that is wrong: CRC, lengths, identifiers, currency, country or amount.
    """
    fields = fields_of(unseal(text))
    for tag, wanted in (("00", "01"), ("53", _DONG), ("58", "VN")):
        if fields.get(tag) != wanted:
            raise QrError(f"Field {tag} is {fields.get(tag)!r}; a VietQR transfer has {wanted!r}.")
    if fields.get("01") not in {"11", "12"}:
        raise QrError(f"Field 01 is {fields.get('01')!r}; '11' (static) or '12' (dynamic) is needed.")
    receiver, to_card = _receiver(fields.get("38", ""))
    extra = fields_of(fields.get("62", ""), within="62")
    return Transfer(
        bank=receiver["00"],
        account=receiver["01"],
        amount=_amount(fields.get("54")),
        bill=extra.get("01", ""),
        purpose=extra.get("08", ""),
        to_card=to_card,
    )


def _receiver(text: str) -> tuple[dict[str, str], bool]:
    account = fields_of(text, within="38")
    if account.get("00") != NAPAS:
        raise QrError("Field 38-00 is not the identifier of NAPAS: this is no VietQR transfer.")
    if account.get("02") not in {TO_ACCOUNT, TO_CARD}:
        raise QrError(f"Field 38-02 is {account.get('02')!r}; {TO_ACCOUNT} or {TO_CARD} is needed.")
    receiver = fields_of(account.get("01", ""), within="38-01")
    if not re.fullmatch(r"[0-9]{6}", receiver.get("00", "")) or "01" not in receiver:
        raise QrError("Field 38-01 lacks the bank's BIN (00) or the account (01).")
    return receiver, account["02"] == TO_CARD


def _amount(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,13}", text):
        raise QrError(f"Field 54 is {text!r}; whole đồng are needed.")
    return int(text)
