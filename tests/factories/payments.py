"""Bills that are owed, API clients and signed VNPay messages for tests of payments."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

from django.db import connection

from tests.factories.customers import Place, Supplied, make_place, make_supplied
from thapsang.domain.ledger import operations as ledger
from thapsang.kit.db.transactions import transaction

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
AT = datetime(2026, 11, 23, 9, 0, tzinfo=VIETNAM)
SECRET = "only-for-development-and-demonstration"


@dataclass(frozen=True)
class Debtor:
    """A customer and the numbers of the bills owed, oldest first."""

    supplied: Supplied
    bills: list[int]

    @property
    def code(self) -> str:
        return self.supplied.customer_code

    @property
    def id(self) -> int:
        return self.supplied.customer_id


def make_debtor(
    *totals: int, serial: int = 1, place: Place | None = None, last: date = date(2026, 10, 1)
) -> Debtor:
    """Make a customer who owes one bill for each total, the last one for the month `last`."""
    supplied = make_supplied(place or make_place(), serial=serial)
    months = [_month_before(last, back) for back in reversed(range(len(totals)))]
    with transaction():
        ledger.open_account(chart="112", code="112")
    return Debtor(supplied, [make_bill(supplied, m, t) for m, t in zip(months, totals, strict=True)])


def _month_before(month: date, back: int) -> date:
    number = month.year * 12 + month.month - 1 - back
    return date(number // 12, number % 12 + 1, 1)


def make_bill(supplied: Supplied, period: date, total: int) -> int:
    """Issue and post one bill of `total` đồng (8 % VAT within), under every guard of the database."""
    net = total * 100 // 108
    until = (period + timedelta(days=32)).replace(day=1)
    number = (period.year % 100 * 100 + period.month) * 10**10 + supplied.supply_point_id * 10
    with transaction(), connection.cursor() as sql:
        sql.execute("SELECT billing_open_period(%s)", [period.year % 100 * 100 + period.month])
        sql.execute(
            "INSERT INTO tariffs_policyversion (sha256, distributor, content, first_used_at)"
            " VALUES (%s, 'test', '{}', %s) ON CONFLICT (sha256) DO UPDATE SET distributor = 'test' RETURNING id",
            ["0" * 64, AT],
        )
        version = sql.fetchone()[0]
        sql.execute(
            "INSERT INTO billing_billrun (period, status, policy_version_id, started_at, totals)"
            " VALUES (%s, 'finished', %s, %s, '{}') ON CONFLICT (period)"
            " DO UPDATE SET status = 'finished' RETURNING id",
            [period, version, AT],
        )
        run = sql.fetchone()[0]
        sql.execute(
            "INSERT INTO billing_bill (id, run_id, supply_point_id, customer_id, agreement_id, category,"
            ' household_quarters, start, "end", kwh, kvarh, estimated, net, vat_rate, vat, total, issued_on, due_on)'
            " VALUES (%s, %s, %s, %s, %s, 'residential', 4, %s, %s, 100, 0, false, %s, 800, %s, %s, %s, %s)",
            [number, run, supplied.supply_point_id, supplied.customer_id, supplied.agreement_id, period, until,
             net, total - net, total, until, until + timedelta(days=9)],
        )  # fmt: skip
        sql.execute(
            'INSERT INTO billing_billline (bill_id, line_no, kind, tier, band, kwh, price, amount, start, "end",'
            " reference)"
            " VALUES (%s, 1, 'flat', 0, '', 100, 1, %s, %s, %s, 1)",
            [number, net, period, until],
        )
        ledger.post(
            kind="bill", reference=f"bill:{number}", business_date=until, at=AT,
            entries=[
                (supplied.account_id, total, number),
                (ledger.open_account(chart="511", code="511"), -total, number),
            ],
        )  # fmt: skip
    return number


def signature(params: dict[str, str], *, secret: str = SECRET) -> str:
    """VNPay's signature, written a second time: the tests do not trust the engine's own."""
    kept = [k for k in sorted(params) if k not in ("vnp_SecureHash", "vnp_SecureHashType")]
    text = "&".join(quote_plus(k) + "=" + quote_plus(params[k]) for k in kept)
    return hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()


def vnpay_message(
    reference: str,
    amount: int,
    *,
    code: str = "00",
    number: str = "14422574",
    secret: str = SECRET,
    paid: str = "20261123091530",
) -> dict[str, str]:
    """A message as VNPay sends it about an order; `code` 00 is success."""
    params = {
        "vnp_Amount": str(amount * 100),
        "vnp_BankCode": "NCB",
        "vnp_BankTranNo": f"VNP{number}",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": f"Thanh toan tien dien {reference}",
        "vnp_PayDate": paid,
        "vnp_ResponseCode": code,
        "vnp_TmnCode": "THAPSANG",
        "vnp_TransactionNo": number,
        "vnp_TransactionStatus": "00" if code == "00" else "02",
        "vnp_TxnRef": reference,
    }
    return params | {"vnp_SecureHash": signature(params, secret=secret)}


def account_balance(debtor: Debtor) -> int:
    """The customer's balance straight from the ledger's rows."""
    with connection.cursor() as sql:
        sql.execute(
            "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entry WHERE account_id = %s",
            [debtor.supplied.account_id],
        )
        return int(sql.fetchone()[0])


def count(table: str) -> int:
    """How many rows a table has."""
    with connection.cursor() as sql:
        sql.execute(f"SELECT count(*) FROM {table}")
        return int(sql.fetchone()[0])
