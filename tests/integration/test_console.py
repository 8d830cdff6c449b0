"""The console's desks: what each shows and changes, and that every change is in the audit log."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.factories.customers import make_place, make_supplied
from tests.factories.payments import Debtor, make_debtor
from tests.factories.staff import PASSWORD, make_staff, signed_in
from thapsang.domain.billing.models import BillingException, BillRun
from thapsang.domain.customers import operations as register
from thapsang.domain.ledger import queries as ledger
from thapsang.domain.payments import queries as payments
from thapsang.domain.payments.operations import keep_callback
from thapsang.domain.payments.types import Verdict
from thapsang.interfaces.console.listing import csv_file
from thapsang.kit.audit import queries as audit
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db
PHONE = "+84912345413"


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def desk(role: Audience) -> Client:
    return signed_in(make_staff(role))


def table(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))


def debtor_with_phone(*totals: int) -> Debtor:
    debtor = make_debtor(*totals)
    with transaction():
        register.add_contact_point(customer_id=debtor.id, kind="phone", value=PHONE, primary=True)
    return debtor


class TestCustomers:
    def test_search_is_posted_and_a_code_leads_straight_to_the_page(self) -> None:
        debtor, browser = debtor_with_phone(100_000), desk(Audience.CUSTOMER_SERVICE)
        assert (
            browser.post("/console/customers/", {"q": debtor.code})
            .headers["Location"]
            .endswith(f"{debtor.code}/")
        )
        assert browser.post("/console/customers/", {"q": "0912345413"}).status_code == 302
        found = browser.post("/console/customers/", {"q": "nguyen van an"})
        assert debtor.code.encode() in found.content
        assert (
            b"Kh\xc3\xb4ng c\xc3\xb3 kh\xc3\xa1ch"
            in browser.post("/console/customers/", {"q": "zzzz"}).content
        )

    def test_the_page_shows_what_is_owed_and_no_phone_in_full(self) -> None:
        debtor = debtor_with_phone(100_000, 205_230)
        shown = desk(Audience.CUSTOMER_SERVICE).get(f"/console/customers/{debtor.code}/").content.decode()
        assert "305.230" in shown and "HD2610-" in shown
        assert "•••• ••• 413" in shown and "912345413" not in shown

    def test_revealing_a_phone_wants_a_reason_and_is_in_the_log_without_the_phone(self) -> None:
        debtor, browser = debtor_with_phone(1000), desk(Audience.CUSTOMER_SERVICE)
        page = browser.get(f"/console/customers/{debtor.code}/").content.decode()
        address = next(part for part in page.split('"') if "/contacts/" in part)
        assert browser.post(address, {"reason": ""}).status_code == 422
        assert audit.count() == 1  # making the member of staff
        shown = browser.post(address, {"reason": "gọi lại khách"}, headers={"HX-Request": "true"})
        assert PHONE.encode() in shown.content
        entry = audit.entries(limit=1)[0]
        assert (entry.action, entry.reason) == ("customers.contact-revealed", "gọi lại khách")
        assert entry.actor_name == "customer-service" and "912345413" not in str(entry)

    def test_a_contact_of_another_customer_is_not_reached(self) -> None:
        one = debtor_with_phone(1000)
        other = make_supplied(make_place(unit="PA13DC", book="DC0001"), serial=77, unit="PA13DC")
        page = desk(Audience.CASHIER)
        found = page.get(f"/console/customers/{one.code}/").content.decode()
        number = next(part for part in found.split('"') if "/contacts/" in part).rstrip("/").rsplit("/", 1)[1]
        answer = page.post(f"/console/customers/{other.customer_code}/contacts/{number}/", {"reason": "thử"})
        assert answer.status_code == 404

    def test_a_note_is_written_and_logged_without_its_text(self) -> None:
        debtor, browser = make_debtor(1000), desk(Audience.CUSTOMER_SERVICE)
        address = f"/console/customers/{debtor.code}/notes/"
        assert browser.post(address, {"text": "  "}).status_code == 422
        browser.post(address, {"text": "Khách hẹn <b>thứ hai</b>"})
        assert (
            "Khách hẹn &lt;b&gt;thứ hai" in browser.get(f"/console/customers/{debtor.code}/").content.decode()
        )
        entry = audit.entries(limit=1)[0]
        assert entry.action == "customers.note-added" and "thứ hai" not in str(entry)

    def test_lists_export_what_they_show(self) -> None:
        debtor, browser = make_debtor(100_000, 205_230), desk(Audience.AUDITOR)
        rows = table(browser.get(f"/console/customers/{debtor.code}/?list=bills&format=csv").content)
        assert [row[6] for row in rows[1:]] == ["205230", "100000"]
        assert (
            len(table(browser.get(f"/console/customers/{debtor.code}/?list=readings&format=csv").content))
            == 1
        )


class TestCash:
    def collect(self, browser: Client, code: str, amount: str, slip: str = "a1b2") -> Any:
        return browser.post(f"/console/customers/{code}/cash/", {"amount": amount, "slip": slip})

    def test_the_oldest_bill_is_paid_first_and_the_rest_is_credit(self) -> None:
        debtor, browser = make_debtor(100_000, 205_230), desk(Audience.CASHIER)
        assert self.collect(browser, debtor.code, "150.000").status_code == 302
        assert payments.paid_of(bill_ids=debtor.bills) == {debtor.bills[0]: 100_000, debtor.bills[1]: 50_000}
        self.collect(browser, debtor.code, "200 000", slip="c3")
        owed = payments.outstanding(customer_id=debtor.id)
        assert (owed.owed, owed.credit) == (0, 44_770)
        assert "44.770" in browser.get(f"/console/customers/{debtor.code}/").content.decode()

    def test_cash_is_on_the_cash_account_and_in_the_log(self) -> None:
        debtor, browser = make_debtor(100_000), desk(Audience.CASHIER)
        self.collect(browser, debtor.code, "100000")
        assert ledger.balance(account_id=ledger.account_id(code="111") or 0) == 100_000
        entry = audit.entries(limit=1)[0]
        assert (entry.action, entry.subject) == ("payments.collected", f"customer:{debtor.code}")
        assert entry.after["amount"] == 100_000 and entry.actor_name == "cashier"

    def test_the_same_slip_twice_is_one_payment(self) -> None:
        debtor, browser = make_debtor(100_000, 205_230), desk(Audience.CASHIER)
        for _ in range(3):
            assert self.collect(browser, debtor.code, "100000").status_code == 302
        assert len(payments.payments_of(customer_id=debtor.id)) == 1
        assert len(audit.entries(action="payments.")) == 1

    @pytest.mark.parametrize("amount", ["", "0", "-5", "12.5e3", "một trăm", "1" * 15, "=1+1"])
    def test_what_is_no_amount_changes_nothing(self, amount: str) -> None:
        debtor, browser = make_debtor(100_000), desk(Audience.CASHIER)
        answer = self.collect(browser, debtor.code, amount)
        assert answer.status_code == 422 and "Số tiền" in answer.content.decode()
        assert payments.payments_of(customer_id=debtor.id) == []


class TestMessagesOfGateways:
    def test_money_that_came_and_was_not_booked_stands_on_the_first_page(self) -> None:
        cashier = desk(Audience.CASHIER)
        assert "Tin của cổng" not in cashier.get("/console/").content.decode()
        for verdict in ("settled", "second-transaction", "second-transaction", "forged"):
            keep_callback(
                provider="vnpay", kind="ipn", payload={}, verdict=Verdict(verdict), reference=f"TS-{verdict}",
                at=timezone.now(),
            )  # fmt: skip
        shown = cashier.get("/console/").content.decode()
        assert shown.count("TS-second-transaction") == 1 and "Trả hai lần cho một lượt" in shown
        assert "TS-settled" not in shown and "TS-forged" not in shown
        assert "TS-second" not in desk(Audience.CUSTOMER_SERVICE).get("/console/").content.decode()


class TestRuns:
    LAST = f"{timezone.localdate().replace(day=1) - timedelta(days=1):%Y-%m}"

    def test_starting_hands_the_month_over_once_with_reason_and_actor(self) -> None:
        browser = desk(Audience.BILLING)
        for _ in range(2):
            answer = browser.post(f"/console/runs/{self.LAST}/start/", {"reason": "định kỳ"})
            assert answer.status_code == 302
        (job,) = ProcrastinateJob.objects.filter(task_name="thapsang.bill_month")
        assert job.args == {"period": f"{self.LAST}-01"}
        (entry,) = audit.entries(action="billing.")
        assert (entry.action, entry.reason, entry.actor_name) == ("billing.run-started", "định kỳ", "billing")
        assert "sắp bắt đầu" in browser.get(f"/console/runs/{self.LAST}/").content.decode()

    def test_a_dry_run_is_handed_over_and_changes_nothing_that_is_logged(self) -> None:
        browser = desk(Audience.BILLING)
        browser.post(f"/console/runs/{self.LAST}/dry-run/")
        assert ProcrastinateJob.objects.get().task_name == "thapsang.preview_month"
        assert audit.entries(action="billing.") == []

    def test_a_month_that_has_not_ended_is_not_handed_over(self) -> None:
        browser = desk(Audience.BILLING)
        answer = browser.post(
            f"/console/runs/{timezone.localdate():%Y-%m}/start/", {"reason": "x"}, follow=True
        )
        assert "chưa hết" in answer.content.decode()
        assert not ProcrastinateJob.objects.exists()

    @pytest.mark.parametrize("month", ["2026-13", "x", "2026-1", "0000-00"])
    def test_what_is_no_month_is_not_found(self, month: str) -> None:
        assert desk(Audience.BILLING).get(f"/console/runs/{month}/").status_code == 404

    def test_the_poll_stops_by_asking_for_the_whole_page(self) -> None:
        browser = desk(Audience.BILLING)
        assert browser.get(f"/console/runs/{self.LAST}/progress/").headers["HX-Refresh"] == "true"
        browser.post(f"/console/runs/{self.LAST}/start/", {"reason": "định kỳ"})
        waiting = browser.get(f"/console/runs/{self.LAST}/progress/")
        assert "HX-Refresh" not in waiting.headers and b"every 1s" in waiting.content


def an_exception(debtor: Debtor, code: str = "missing-reading") -> BillingException:
    run = BillRun.objects.get(period=date(2026, 10, 1))
    return BillingException.objects.create(
        run=run, supply_point_id=debtor.supplied.supply_point_id, code=code, detail={"read_on": "2026-11-01"},
        created_at=timezone.now(),
    )  # fmt: skip


class TestExceptions:
    def test_the_queue_filters_counts_and_exports(self) -> None:
        found, browser = an_exception(make_debtor(1000)), desk(Audience.BILLING)
        assert "Thiếu chỉ số" in browser.get("/console/exceptions/?code=missing-reading").content.decode()
        assert "Không còn việc nào" in browser.get("/console/exceptions/?who=me").content.decode()
        rows = table(browser.get("/console/exceptions/?format=csv").content)
        assert rows[1][0] == str(found.pk) and rows[1][1] == "2026-10"

    def test_odd_filters_are_no_error(self) -> None:
        browser = desk(Audience.BILLING)
        for query in ("period=x", "team=-1", "team=99999999999999999999", "who=%01", "status='", "from=x"):
            assert browser.get(f"/console/exceptions/?{query}").status_code == 200
        assert browser.get("/console/exceptions/?who=%00").status_code == 400  # as everywhere

    def test_taking_resolving_and_going_on_to_the_next(self) -> None:
        place, browser = make_place(), desk(Audience.BILLING)
        first = an_exception(make_debtor(1000, place=place))
        second = an_exception(make_debtor(2000, serial=2, place=place))
        browser.post(f"/console/exceptions/{first.pk}/take/", {"take": "yes"})
        assert b"Nguy\xe1\xbb\x85n billing" in browser.get(f"/console/exceptions/{first.pk}/").content
        assert browser.post(f"/console/exceptions/{first.pk}/resolve/", {"reason": " "}).status_code == 422
        done = browser.post(f"/console/exceptions/{first.pk}/resolve/", {"reason": "đã cắt điện"})
        assert done.headers["Location"].startswith(f"/console/exceptions/{second.pk}/")
        first.refresh_from_db()
        assert (first.status, first.resolution) == ("resolved", "đã cắt điện")
        actions = [entry.action for entry in audit.entries(action="billing.")]
        assert actions == ["billing.exception-resolved", "billing.exception-assigned"]

    def test_resolving_twice_says_so(self) -> None:
        found, browser = an_exception(make_debtor(1000)), desk(Audience.BILLING)
        for status in (302, 422):
            answer = browser.post(f"/console/exceptions/{found.pk}/resolve/", {"reason": "xong"})
            assert answer.status_code == status


class TestAudit:
    def test_the_auditor_lists_filters_exports_and_verifies(self) -> None:
        browser = desk(Audience.AUDITOR)
        assert b"staff.added" in browser.get("/console/audit/?action=staff.&actor=test").content
        assert (
            "Không có mục nào"
            in browser.get("/console/audit/?actor=ai-do&from=2020-01-01&to=x").content.decode()
        )
        assert table(browser.get("/console/audit/?format=csv").content)[1][3] == "staff.added"
        assert "Nguyên vẹn" in browser.post("/console/audit/verify/").content.decode()


class TestStaffDesk:
    def test_adding_shows_the_password_once_and_logs_reason_and_actor(self) -> None:
        browser = desk(Audience.ADMINISTRATOR)
        given = {"username": "lan", "full_name": "Lan", "role": ["billing"], "reason": "nhân viên mới"}
        assert "chỉ hiện lần này" in browser.post("/console/staff/add/", given).content.decode()
        entry = audit.entries(subject="staff:lan")[0]
        assert (entry.actor_name, entry.reason) == ("administrator", "nhân viên mới")
        assert browser.post("/console/staff/add/", given).status_code == 422

    @pytest.mark.parametrize("change", ["roles", "lock", "reset", "nothing"])
    def test_a_change_without_a_reason_is_refused(self, change: str) -> None:
        make_staff(Audience.BILLING)
        answer = desk(Audience.ADMINISTRATOR).post(
            "/console/staff/billing/", {"change": change, "role": ["auditor"]}
        )
        assert answer.status_code == 422

    def test_changes_are_made(self) -> None:
        user, browser = make_staff(Audience.BILLING), desk(Audience.ADMINISTRATOR)
        for change in ("roles", "lock", "unlock", "reset"):
            given = {"change": change, "role": ["auditor"], "reason": "đổi việc"}
            assert browser.post("/console/staff/billing/", given).status_code in {200, 302}
        user.refresh_from_db()
        assert user.is_active and [group.name for group in user.groups.all()] == ["auditor"]

    def test_my_own_password(self) -> None:
        browser, new = desk(Audience.AUDITOR), "mot cau moi rat dai"
        given = {"old": PASSWORD, "new": new, "again": new}
        for wrong in ({"old": "x"}, {"again": "y"}, {"new": "ngan", "again": "ngan"}):
            assert browser.post("/console/account/", {**given, **wrong}).status_code == 422
        assert browser.post("/console/account/", given).status_code == 302
        assert browser.get("/console/").status_code == 200
        assert audit.entries(limit=1)[0].action == "staff.password-changed"


class TestReferenceData:
    def test_a_change_in_the_admin_wants_a_reason_and_is_logged_with_before_and_after(self) -> None:
        debtor, browser = make_debtor(1000), desk(Audience.ADMINISTRATOR)
        from thapsang.domain.network.models import AreaTeam

        team = AreaTeam.objects.get()
        address, given = f"/admin/network/areateam/{team.pk}/change/", {"code": team.code, "name": "Đội Vinh"}
        assert browser.post(address, given).status_code == 200  # shown again: the reason is missing
        assert browser.post(address, {**given, "reason": "đổi tên"}).status_code == 302
        entry = audit.entries(limit=1)[0]
        assert (entry.action, entry.reason) == ("network.areateam-changed", "đổi tên")
        assert entry.before == {"name": team.name} and entry.after == {"name": "Đội Vinh"}
        assert debtor.bills

    @pytest.mark.parametrize(
        "page", ["tariffs/policyversion/", "identity/apiclient/", "network/commune/", ""]
    )
    def test_pages_open(self, page: str) -> None:
        make_debtor(1000)
        answer = desk(Audience.ADMINISTRATOR).get(f"/admin/{page}")
        assert answer.status_code == 200
        assert b"<style>" not in answer.content and b"<style nonce=" in answer.content


class TestFiles:
    @pytest.mark.parametrize(
        "text", ["=1+1", "+84912", "-2", "@SUM(A1)", "\t=1", "\r=1", "  =1", "|cmd", "%0A"]
    )
    def test_no_cell_is_run_as_a_formula(self, text: str) -> None:
        (row,) = table(csv_file("x", ["a"], [[text]]).content)[1:]
        assert row[0].startswith("'")

    def test_numbers_stay_numbers_and_letters_survive(self) -> None:
        content = csv_file("x", ["a"], [[-5, 'Đội Vinh; "A"', None, True]]).content
        assert content.startswith(b"\xef\xbb\xbf")
        assert table(content)[1] == ["-5", 'Đội Vinh; "A"', "", "True"]


@pytest.mark.django_db(transaction=True)
class TestImports:
    def test_a_file_is_kept_handed_over_and_logged(self, settings: Any, tmp_path: Any) -> None:
        settings.FILES = tmp_path
        browser = desk(Audience.BILLING)
        file = SimpleUploadedFile("chi-so.csv", b"serial;register;read_on;value\n1;total;2026-11-01;5\n")
        answer = browser.post("/console/imports/new/", {"file": file, "reason": "sổ Vinh"}, follow=True)
        assert answer.status_code == 200 and "chi-so.csv" in answer.content.decode()
        assert ProcrastinateJob.objects.filter(queue_name="imports").count() == 1
        entry = audit.entries(limit=1)[0]
        assert (entry.action, entry.reason) == ("metering.import-handed-in", "sổ Vinh")
        assert entry.after["name"] == "chi-so.csv"

    @pytest.mark.parametrize("name", ["x.exe", "x", ""])
    def test_other_files_are_refused(self, name: str) -> None:
        given = {"file": SimpleUploadedFile(name, b"x")} if name else {}
        assert desk(Audience.BILLING).post("/console/imports/new/", given).status_code == 422
