"""What `thapsang demo run` prepares before the doors open: tables, province, bills, payments, pages' files."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from rich.progress import Progress, TaskID

from thapsang.domain.billing import queries as billing
from thapsang.interfaces.cli import page_files
from thapsang.journeys import draft_programmes, load_demo, run_billing, settle_demo
from thapsang.kit.bulk.copy import bulk_connection

MONTHS = 13


def prepare(progress: Progress, customers: int) -> None:
    """Do whatever is not done yet; each step shows its progress and can be killed and repeated.

    Raises DemoError in production, before anything is touched: months billed and paid in play are real ones there.
    """
    if settings.PRODUCTION:
        raise load_demo.DemoError("THAPSANG_ENV is production: the demonstration never runs there.")
    with Step(progress, "Creating the tables"):
        call_command("migrate", interactive=False, verbosity=0)
    loaded = _load_province(progress, customers)
    _make_bills(progress, months(loaded.last_reading))
    with Step(progress, "Drafting the relief programmes"):
        draft_programmes.draft_all(actor="demo", at=timezone.now())
    with Step(progress, "Collecting the pages' files"):
        page_files.collect()


class Step:
    """One line of the progress display for the length of a block."""

    def __init__(self, progress: Progress, text: str, total: float | None = None) -> None:
        self._progress, self._text, self._total = progress, text, total
        self._task: TaskID | None = None

    def __enter__(self) -> Step:
        self._task = self._progress.add_task(self._text, total=self._total)
        return self

    def __exit__(self, *failure: object) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)

    def show(self, text: str, done: float, total: float) -> None:
        """Say what is being done and how far it is."""
        if self._task is not None:
            self._progress.update(self._task, description=text, completed=done, total=total)


def _load_province(progress: Progress, customers: int) -> load_demo.Loaded:
    with bulk_connection() as link:
        loaded = load_demo.present(link)
    if loaded:
        return loaded
    with Step(progress, f"Inventing a province of {customers:,} customers") as step:
        return load_demo.load(customers=customers, at=timezone.now(), progress=step.show)


def months(last_reading: date) -> list[date]:
    """The thirteen months that have readings, ascending; the last one ended on the day of the last reading."""
    found = []
    month = last_reading
    for _ in range(MONTHS):
        month = (month - timedelta(days=1)).replace(day=1)
        found.append(month)
    return found[::-1]


def _make_bills(progress: Progress, wanted: list[date]) -> None:
    finished = {run.period for run in billing.runs() if run.status == "finished"}
    waiting = [month for month in wanted if month not in finished]
    if not waiting:
        return
    with Step(progress, "Billing", total=len(waiting)) as step:
        for number, month in enumerate(waiting):
            step.show(f"Billing {month:%m/%Y}", number, len(waiting))
            issued = None if month == wanted[-1] else _second_of_following(month)
            run_billing.start(period=month, workers=1, at=issued)
    with Step(progress, "Paying the bills of the past") as step:
        settle_demo.settle(
            months=wanted, progress=lambda done: step.show("Paying the bills of the past", done, len(wanted))
        )


def _second_of_following(month: date) -> datetime:
    """Six in the morning of the second day after the month: when bills of the past were issued."""
    following = (month + timedelta(days=32)).replace(day=2)
    return datetime.combine(following, time(6), timezone.get_default_timezone())
