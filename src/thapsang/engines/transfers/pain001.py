"""Write pain.001.001.09, CustomerCreditTransferInitiation, with the elements a refund needs and no other.

Element names and their order are the standard's; `subset.xsd` beside this file is ours and says which of them
we write. Amounts are whole đồng. Charges are the payer's (`DEBT`): a refund costs the customer nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from xml.sax.saxutils import escape

SCHEMA = Path(__file__).with_name("subset.xsd")
"""Our own schema, for whoever wants to check a file."""
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,35}")
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,34}")


class TransferError(ValueError):
    """An order cannot be written; the message names the field, never an account's number."""


@dataclass(frozen=True)
class Party:
    """Who pays or is paid: name, account number, and the bank's number in the clearing system."""

    name: str
    account: str
    bank: str


@dataclass(frozen=True)
class Order:
    """One transfer: `reference` comes back on the bank's statement (EndToEndId)."""

    reference: str
    amount: int
    creditor: Party
    text: str


def write(
    *, message: str, made_at: datetime, execute_on: date, debtor: Party, orders: Sequence[Order]
) -> bytes:
    """Return the file, UTF-8; the same input gives the same bytes. Raises TransferError."""
    _check(message, debtor, orders)
    count, total = len(orders), sum(order.amount for order in orders)
    sums = f"<NbOfTxs>{count}</NbOfTxs><CtrlSum>{total}</CtrlSum>"
    head = (
        f"<GrpHdr><MsgId>{message}</MsgId><CreDtTm>{made_at.isoformat(timespec='seconds')}</CreDtTm>{sums}"
        f"<InitgPty><Nm>{_text(debtor.name, 140)}</Nm></InitgPty></GrpHdr>"
    )
    block = (
        f"<PmtInfId>{message}</PmtInfId><PmtMtd>TRF</PmtMtd>{sums}"
        f"<ReqdExctnDt><Dt>{execute_on.isoformat()}</Dt></ReqdExctnDt>"
        f"<Dbtr><Nm>{_text(debtor.name, 140)}</Nm></Dbtr>"
        f"<DbtrAcct><Id><Othr><Id>{debtor.account}</Id></Othr></Id><Ccy>VND</Ccy></DbtrAcct>"
        f"<DbtrAgt>{_agent(debtor)}</DbtrAgt><ChrgBr>DEBT</ChrgBr>"
    )
    body = "\n".join(map(_order, orders))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}"><CstmrCdtTrfInitn>{head}\n'
        f"<PmtInf>{block}\n{body}\n</PmtInf></CstmrCdtTrfInitn></Document>\n"
    ).encode()


def _order(order: Order) -> str:
    paid = order.creditor
    return (
        f"<CdtTrfTxInf><PmtId><EndToEndId>{order.reference}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="VND">{order.amount}</InstdAmt></Amt><CdtrAgt>{_agent(paid)}</CdtrAgt>'
        f"<Cdtr><Nm>{_text(paid.name, 140)}</Nm></Cdtr>"
        f"<CdtrAcct><Id><Othr><Id>{paid.account}</Id></Othr></Id></CdtrAcct>"
        f"<RmtInf><Ustrd>{_text(order.text, 140)}</Ustrd></RmtInf></CdtTrfTxInf>"
    )


def _agent(party: Party) -> str:
    return f"<FinInstnId><ClrSysMmbId><MmbId>{party.bank}</MmbId></ClrSysMmbId></FinInstnId>"


def _text(text: str, most: int) -> str:
    return escape(" ".join(text.split())[:most])


def _check(message: str, debtor: Party, orders: Sequence[Order]) -> None:
    if not orders:
        raise TransferError("orders: there is none; a file pays at least one.")
    if not _REFERENCE.fullmatch(message):
        raise TransferError(f"message: {message!r} has more than 35 letters, digits and dashes.")
    if len({order.reference for order in orders}) < len(orders):
        raise TransferError("reference: two orders have the same one.")
    for order in orders:
        if not _REFERENCE.fullmatch(order.reference):
            raise TransferError(f"reference: {order.reference!r} is not 1 to 35 letters, digits and dashes.")
        if order.amount <= 0:
            raise TransferError(f"amount: {order.amount} đồng in {order.reference}; give more than 0.")
    for party, name in [(debtor, "debtor"), *((order.creditor, order.reference) for order in orders)]:
        if not (_ACCOUNT.fullmatch(party.account) and party.bank.isdecimal() and party.name.strip()):
            raise TransferError(f"{name}: its account, bank or name is not one a bank can read.")
