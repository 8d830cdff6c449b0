"""A month's bills on their way to people: archives of reading books for the printer, e-mails to who wants them.

Runbook: docs/operations/invoices.md. Why it is built so: docs/adr/0027, 0028.
"""

from thapsang.journeys.deliver_bills.archiving import (
    Archived,
    ArchiveFailedError,
    NothingToArchiveError,
    UnknownBookError,
    archive,
    archive_book,
)
from thapsang.journeys.deliver_bills.mailing import about_month, queue_month, send_waiting
from thapsang.journeys.deliver_bills.sheets import Printed, Sheet

__all__ = [
    "ArchiveFailedError",
    "Archived",
    "NothingToArchiveError",
    "Printed",
    "Sheet",
    "UnknownBookError",
    "about_month",
    "archive",
    "archive_book",
    "queue_month",
    "send_waiting",
]
