"""The month's bill by e-mail to customers who agreed to it: queued after issue, sent by the worker in batches.

What is queued is which bill goes to which address, once; the mail itself is made when it is sent, from the bill, the
signed invoice and the consent as they are then. A sender that dies leaves its mails to the next; one that died after
the server took a mail sends it again under the same Message-ID.
"""

from __future__ import annotations

from calendar import month_name
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from django.conf import settings
from django.utils import timezone

from thapsang.domain.billing import queries as bills
from thapsang.domain.billing.queries.printing import bills_of_month
from thapsang.domain.billing.types import BillView, bill_code, parts
from thapsang.domain.customers import queries as customers
from thapsang.domain.invoices.queries import invoices_of_bills
from thapsang.domain.invoices.queries.filed import invoice_files
from thapsang.domain.invoices.types import InvoiceView, shown_look_up_code
from thapsang.domain.notifications import operations as notifications
from thapsang.domain.notifications.queries import BOTH, email_rules, letter
from thapsang.domain.notifications.types import Attachment, Email, Letter, NewEmail, WaitingEmail
from thapsang.journeys.deliver_bills.sheets import gather, printer
from thapsang.kit.bulk.copy import bulk_connection
from thapsang.kit.db.transactions import transaction

CONSENT, TEMPLATE = "bills-by-email", "bill-ready"
BATCH = 50
"""Mails claimed and made at once: gathered together, sent one by one."""
_PAGE = 5_000


def about_month(period: date) -> str:
    """Return how the `about` of a month's mails begins."""
    return f"bill-month:{period:%Y-%m}:"


def queue_month(*, period: date, at: datetime) -> int:
    """Queue a mail for each signed bill of a month whose customer agreed and has a verified address; return how many.

    Called again, it queues only what is new: a bill issued since, a consent given since. A page of customers at a
    time, each in a transaction of its own.
    """
    queued, after = 0, 0
    while page := customers.consented_emails(purpose=CONSENT, after=after, limit=_PAGE):
        after = max(page)
        found = [bill for bill in bills_of_month(period=period, customer_ids=list(page)) if bill.net]
        signed = invoices_of_bills(bill_ids=[bill.id for bill in found])
        emails = [
            NewEmail(page[bill.customer_id].address, f"{about_month(period)}{bill.id}")
            for bill in found
            if bill.id in signed
        ]
        with transaction():
            queued += notifications.queue_emails(emails=emails, template=TEMPLATE, at=at) if emails else 0
    return queued


def send_waiting(*, most: int = 2_000) -> Counter[str]:
    """Send mails that are due, at most `most`; return how many came to which status.

    Several workers may send at once; all together keep the policy's rate. The mail server is asked outside any
    transaction.
    """
    done = Counter[str]()
    while done.total() < most:
        with transaction():
            claimed = notifications.claim_emails(at=timezone.now(), most=min(BATCH, most - done.total()))
        if not claimed:
            break
        made = _made(claimed)
        for waiting in claimed:
            done[notifications.deliver_email(waiting, made.get(waiting.id), at=timezone.now())] += 1
        if done["queued"]:
            break  # The server does not answer, or is busy: the others would learn the same.
    return done


def _made(claimed: Sequence[WaitingEmail]) -> dict[int, Email]:
    """Return the mails of claimed rows; none for a bill that is gone, or a customer who no longer agrees.

    Letters that were kept need none made.
    """
    claimed = [waiting for waiting in claimed if not waiting.letter]
    number = {waiting.id: int(waiting.about.split(":")[2]) for waiting in claimed}
    found = {bill.id: bill for bill in bills.bills(bill_ids=set(number.values()))}
    agreed = customers.consented_emails(
        purpose=CONSENT, customer_ids={bill.customer_id for bill in found.values()}
    )
    signed = invoices_of_bills(bill_ids=list(found))
    wanted = [
        (waiting, found[number[waiting.id]])
        for waiting in claimed
        if (bill := found.get(number[waiting.id])) and bill.id in signed
        and (box := agreed.get(bill.customer_id)) and box.address == waiting.address
    ]  # fmt: skip
    pdfs = _printed({bill.id: bill for _, bill in wanted})
    files = {
        view.bill_id: content for view, content in invoice_files(views=[signed[b.id] for _, b in wanted])
    }
    return {
        waiting.id: _email(
            waiting, _letter(bill, signed[bill.id], agreed[bill.customer_id].language),
            [(bill_code(bill.id), "pdf", pdfs.get(bill.id)), (signed[bill.id].name, "xml", files[bill.id])],
        )
        for waiting, bill in wanted
    }  # fmt: skip


def _printed(wanted: dict[int, BillView]) -> dict[int, bytes]:
    """Return the PDF of each bill; the bills of one month and reading day are gathered together."""
    points = customers.books_of_points(point_ids={bill.supply_point_id for bill in wanted.values()})
    groups: dict[tuple[date, int], set[int]] = {}
    for number, bill in wanted.items():
        _, day = points[bill.supply_point_id]
        groups.setdefault((parts(number).period, day), set()).add(bill.supply_point_id)
    with bulk_connection() as link:
        sheets = [
            sheet
            for (period, day), some in groups.items()
            for sheet in gather(link, period=period, points=sorted(some), day=day)
        ]  # fmt: skip
    return {
        sheet.detail.bill.id: printer()([sheet]).pdf for sheet in sheets if sheet.detail.bill.id in wanted
    }


def _letter(bill: BillView, view: InvoiceView, language: str) -> Letter:
    """Return what the mail says in the customer's language, or in both where it is not known."""
    site = settings.PUBLIC_URL.rstrip("/")
    same = {
        "bill": bill_code(bill.id), "portal": f"{site}/", "look_up_page": f"{site}/invoices/",
        "look_up_code": shown_look_up_code(view.look_up_code), "contact": f"{site}/account/contact/",
    }  # fmt: skip
    due, month = bill.due_on, bill.period
    values = {
        "vi": same | {"month": f"tháng {month:%m/%Y}", "due": f"{due:%d/%m/%Y}",
                      "total": f"{bill.total:,} đồng".replace(",", ".")},
        "en": same | {"month": f"{month_name[month.month]} {month.year}",
                      "due": f"{due.day} {month_name[due.month]} {due.year}", "total": f"{bill.total:,} VND"},
    }  # fmt: skip
    return letter(template=TEMPLATE, languages=(language,) if language else BOTH, values=values)


def _email(waiting: WaitingEmail, said: Letter, files: Sequence[tuple[str, str, bytes | None]]) -> Email:
    attached = tuple(
        Attachment(f"{name}.{kind}", f"application/{kind}", content)
        for name, kind, content in files
        if content
    )
    if sum(len(one.content) for one in attached) > email_rules().attach_limit:
        attached = ()
    return Email(waiting.address, said.subject, said.text, waiting.message_id, attached, said.html)
