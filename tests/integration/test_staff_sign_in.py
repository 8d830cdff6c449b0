"""The console's door: two factors, first enrolment, throttling, sessions that end."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from tests.factories.staff import PASSWORD, SECRET, code_now, make_staff, signed_in
from thapsang.interfaces.console.views import sign_in as door
from thapsang.kit.audit import queries as audit
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity import demonstration, second_factor, staff, staff_sessions, throttling
from thapsang.kit.identity.access import Audience
from thapsang.kit.identity.models import Throttle, User
from thapsang.kit.identity.throttling import Limit

pytestmark = pytest.mark.django_db
BILLING = Audience.BILLING
LIMIT = Limit("test", 3, timedelta(minutes=15))


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def give_password(browser: Client, username: str = "billing", password: str = PASSWORD, **more: str) -> Any:
    return browser.post("/console/sign-in/", {"username": username, "password": password, **more})


class TestTwoFactors:
    def test_the_password_alone_opens_nothing(self, client: Client) -> None:
        make_staff(BILLING)
        assert give_password(client).headers["Location"] == "/console/sign-in/code/"
        assert client.get("/console/").headers["Location"].startswith("/console/sign-in/")

    def test_password_and_code_open_the_console_under_a_new_session(self, client: Client) -> None:
        make_staff(BILLING)
        client.get("/console/sign-in/")
        give_password(client, next="/console/runs/")
        between = client.session.session_key
        answer = client.post("/console/sign-in/code/", {"code": code_now()})
        assert answer.headers["Location"] == "/console/runs/"
        assert client.session.session_key != between
        assert client.get("/console/runs/").status_code == 200
        assert [entry.action for entry in audit.entries(actor="billing")] == ["staff.signed-in"]

    def test_a_session_planted_before_sign_in_is_not_the_one_after(self, client: Client) -> None:
        make_staff(BILLING)
        planted = client.session
        planted["mine"] = "attacker"
        planted.save()
        client.cookies["sessionid"] = planted.session_key or ""
        give_password(client)
        client.post("/console/sign-in/code/", {"code": code_now()})
        assert client.session.session_key != planted.session_key and "mine" not in client.session

    def test_a_code_is_taken_once(self, client: Client) -> None:
        make_staff(BILLING)
        code = code_now()
        give_password(client)
        assert client.post("/console/sign-in/code/", {"code": code}).status_code == 302
        other = Client()
        give_password(other)
        assert other.post("/console/sign-in/code/", {"code": code}).status_code == 422
        assert other.get("/console/").status_code == 302

    @pytest.mark.parametrize("code", ["000000", "", "12345678", "０００００0", "' OR 1=1"])
    def test_wrong_codes_are_refused(self, client: Client, code: str) -> None:
        make_staff(BILLING)
        give_password(client)
        assert client.post("/console/sign-in/code/", {"code": code}).status_code == 422

    def test_one_step_of_clock_drift_is_let_through_two_are_not(self) -> None:
        user, now = make_staff(BILLING), timezone.now()
        with transaction():
            late = second_factor.code_at(secret=SECRET, at=now - timedelta(seconds=60))
            assert second_factor.check(user=user, code=late, at=now) is None
            near = second_factor.code_at(secret=SECRET, at=now - timedelta(seconds=30))
            assert second_factor.check(user=user, code=near, at=now) == "totp"

    def test_wrong_password_unknown_name_customer_and_no_role_all_look_the_same(self, client: Client) -> None:
        make_staff(BILLING)
        User.objects.create_user("khach", password=PASSWORD)
        make_staff(BILLING, username="none").groups.clear()
        answers = {
            re.sub(rb'(value|content)="[^"]*"', b"", give_password(client, name, password).content)
            for name, password in (
                ("billing", "wrong"),
                ("nobody", "wrong"),
                ("khach", PASSWORD),
                ("none", PASSWORD),
            )
        }
        assert len({answer.count(b"problem") for answer in answers}) == 1
        assert all("Tên hoặc mật khẩu chưa đúng".encode() in answer for answer in answers)

    def test_the_admin_has_no_door_of_its_own(self, client: Client) -> None:
        for address in ("/admin/", "/admin/login/"):
            assert client.get(address).headers["Location"].startswith("/console/sign-in/")

    @pytest.mark.parametrize(
        "target", ["https://elsewhere.vn/console/", "//elsewhere.vn", "/console/sign-out/", "javascript:x"]
    )
    def test_sign_in_leads_nowhere_else(self, client: Client, target: str) -> None:
        make_staff(BILLING)
        give_password(client, next=target)
        assert client.post("/console/sign-in/code/", {"code": code_now()}).headers["Location"] == "/console/"

    def test_csrf_is_asked_for(self) -> None:
        make_staff(BILLING)
        strict = Client(enforce_csrf_checks=True)
        assert give_password(strict).status_code == 403
        inside = signed_in(User.objects.get(username="billing"), client=strict)
        assert inside.post("/console/runs/2026-10/start/", {"reason": "x"}).status_code == 403


class TestEnrolment:
    def test_the_first_sign_in_enrols_and_shows_recovery_codes_once(self, client: Client) -> None:
        make_staff(BILLING, enrolled=False)
        assert give_password(client).headers["Location"] == "/console/sign-in/enrol/"
        shown = client.get("/console/sign-in/enrol/").content.decode()
        assert "<svg" in shown
        secret = re.search(r'class="secret number">([A-Z2-7 ]+)<', shown)[1].replace(" ", "")  # type: ignore[index]
        assert client.post("/console/sign-in/enrol/", {"code": "000000"}).status_code == 422
        code = second_factor.code_at(secret=secret, at=timezone.now())
        done = client.post("/console/sign-in/enrol/", {"code": code})
        codes = re.findall(r"<li>(\d{8})</li>", done.content.decode())
        assert len(codes) == 10
        assert client.get("/console/").status_code == 200
        self.recover(codes[0])

    @staticmethod
    def recover(code: str) -> None:
        """A recovery code stands in for the app, once."""
        for status in (302, 422):
            browser = Client()
            give_password(browser)
            assert browser.post("/console/sign-in/code/", {"code": code}).status_code == status

    def test_secrets_are_not_readable_in_the_database_nor_in_the_session(self, client: Client) -> None:
        make_staff(BILLING, enrolled=False)
        give_password(client)
        shown = client.get("/console/sign-in/enrol/").content.decode()
        secret = re.search(r'class="secret number">([A-Z2-7 ]+)<', shown)[1].replace(" ", "")  # type: ignore[index]
        assert secret not in str(dict(client.session))
        code = second_factor.code_at(secret=secret, at=timezone.now())
        client.post("/console/sign-in/enrol/", {"code": code})
        assert secret not in str(list(Authenticator.objects.values()))

    def test_nobody_enrols_over_an_app_that_is_there(self, client: Client) -> None:
        make_staff(BILLING)
        give_password(client)
        assert client.get("/console/sign-in/enrol/").headers["Location"] == "/console/sign-in/code/"
        assert client.post("/console/sign-in/enrol/", {"code": code_now()}).status_code == 302
        assert client.get("/console/").status_code == 302

    def test_without_the_password_nothing_of_it_is_reached(self, client: Client) -> None:
        for address in ("/console/sign-in/code/", "/console/sign-in/enrol/"):
            assert client.get(address).headers["Location"] == "/console/sign-in/"

    def test_the_wait_for_the_second_factor_ends(self, client: Client) -> None:
        make_staff(BILLING)
        give_password(client)
        session = client.session
        session[door.WAITING] = {**session[door.WAITING], "at": session[door.WAITING]["at"] - 601}
        session.save()
        assert (
            client.post("/console/sign-in/code/", {"code": code_now()}).headers["Location"]
            == "/console/sign-in/"
        )


class TestThrottling:
    def test_the_sixth_password_from_one_place_waits_even_when_right(self, client: Client) -> None:
        make_staff(BILLING)
        for _ in range(5):
            assert give_password(client, password="wrong").status_code == 422
        blocked = give_password(client)
        assert blocked.status_code == 429 and "15 phút".encode() in blocked.content

    def test_one_name_from_many_places_is_counted_too(self) -> None:
        make_staff(BILLING)
        answers = [
            Client(REMOTE_ADDR=f"10.0.0.{place}").post(
                "/console/sign-in/", {"username": "Billing", "password": "x"}
            )
            for place in range(21)
        ]
        assert [answer.status_code for answer in answers] == [422] * 20 + [429]

    def test_codes_are_counted_by_person_across_browsers(self) -> None:
        make_staff(BILLING)
        statuses = []
        for _ in range(6):
            browser = Client()
            give_password(browser)
            statuses.append(browser.post("/console/sign-in/code/", {"code": "000000"}).status_code)
        assert statuses == [422] * 5 + [429]

    def test_a_window_that_is_over_counts_anew(self) -> None:
        at = timezone.now()
        verdicts = [throttling.attempt(limit=LIMIT, who="lan", at=at).allowed for _ in range(4)]
        assert verdicts == [True, True, True, False]
        wait = throttling.attempt(limit=LIMIT, who="lan", at=at + timedelta(minutes=10)).wait
        assert wait == timedelta(minutes=5)
        assert throttling.attempt(limit=LIMIT, who="lan", at=at + timedelta(minutes=15)).allowed
        assert throttling.attempt(limit=LIMIT, who="minh", at=at).allowed

    def test_who_tried_is_not_readable(self) -> None:
        throttling.attempt(limit=LIMIT, who="lan@example.vn", at=timezone.now())
        assert b"lan" not in bytes(Throttle.objects.get().key)

    def test_forgetting_and_tidying(self) -> None:
        at = timezone.now()
        for who in ("lan", "minh"):
            throttling.attempt(limit=LIMIT, who=who, at=at)
        throttling.forget(limit=LIMIT, who="lan")
        assert Throttle.objects.count() == 1
        assert throttling.tidy(before=at + timedelta(seconds=1)) == 1


class TestSessions:
    def test_a_staff_session_without_the_second_factor_is_ended_on_any_page(self) -> None:
        browser = signed_in(make_staff(BILLING), proved=False)
        browser.get("/healthz")
        assert "_auth_user_id" not in browser.session

    @pytest.mark.parametrize("age", [{"since": -8 * 3600}, {"seen": -3600}])
    def test_eight_hours_or_an_idle_hour_end_it(self, age: dict[str, int]) -> None:
        browser = signed_in(make_staff(BILLING))
        assert browser.get("/console/").status_code == 200
        session = browser.session
        session["staff"] = {name: value + age.get(name, 0) for name, value in session["staff"].items()}
        session.save()
        assert browser.get("/console/").headers["Location"].startswith("/console/sign-in/")

    def test_work_keeps_it_alive_but_not_over_eight_hours(self) -> None:
        session: Any = signed_in(make_staff(BILLING)).session
        start = timezone.now()
        staff_sessions.begin(session=session, at=start)
        for minutes in range(0, 480, 50):
            assert staff_sessions.holds(session=session, at=start + timedelta(minutes=minutes))
        assert not staff_sessions.holds(session=session, at=start + timedelta(hours=8))

    def test_sign_out_ends_it_on_the_server(self) -> None:
        browser = signed_in(make_staff(BILLING))
        stolen = browser.cookies["sessionid"].value
        answer = browser.post("/console/sign-out/")
        assert answer.headers["Clear-Site-Data"]
        thief = Client()
        thief.cookies["sessionid"] = stolen
        assert thief.get("/console/").status_code == 302

    def test_locking_out_and_a_new_password_end_open_sessions(self) -> None:
        user = make_staff(BILLING)
        browser, at = signed_in(user), timezone.now()
        with transaction():
            staff.reset(username="billing", actor="test", reason="lost phone", at=at)
        assert browser.get("/console/").status_code == 302
        browser = signed_in(User.objects.get(pk=user.pk))
        assert browser.get("/console/").status_code == 200
        with transaction():
            staff.set_active(username="billing", active=False, actor="test", reason="left", at=at)
        assert browser.get("/console/").status_code == 302

    def test_a_fragment_asked_for_after_the_end_sends_the_whole_page_to_the_door(
        self, client: Client
    ) -> None:
        answer = client.get("/console/runs/2026-10/progress/", headers={"HX-Request": "true"})
        assert answer.status_code == 401 and answer.headers["HX-Redirect"] == "/console/sign-in/"

    def test_what_staff_see_is_kept_by_no_cache(self) -> None:
        assert "no-store" in signed_in(make_staff(BILLING)).get("/console/").headers["Cache-Control"]


class TestStaff:
    def add(self, username: str = "lan", **changes: Any) -> str:
        values: dict[str, Any] = {
            "username": username, "full_name": "Lan", "roles": [BILLING], "actor": "test", "reason": "new",
            "at": timezone.now(),
        } | changes  # fmt: skip
        with transaction():
            return staff.add(**values)

    def test_every_change_is_in_the_audit_log_and_no_password_is(self) -> None:
        password, at = self.add(), timezone.now()
        common: dict[str, Any] = {"username": "lan", "actor": "test", "reason": "because", "at": at}
        with transaction():
            staff.set_roles(roles=[Audience.CASHIER], **common)
            staff.set_active(active=False, **common)
            staff.set_active(active=True, **common)
            again = staff.reset(**common)
        entries = audit.entries(subject="staff:lan")
        assert [entry.action for entry in entries] == [
            "staff.reset", "staff.let-in", "staff.locked-out", "staff.roles-set", "staff.added",
        ]  # fmt: skip
        assert entries[3].before == {"roles": ["billing"]} and entries[3].after == {"roles": ["cashier"]}
        assert password not in str(entries) and again not in str(entries)
        assert audit.verify().whole

    @pytest.mark.parametrize("roles", [[], [Audience.CUSTOMER], [Audience.PUBLIC, BILLING]])
    def test_only_staff_roles_are_given(self, roles: list[Audience]) -> None:
        with pytest.raises(staff.StaffError, match="administrator"):
            self.add(roles=roles)

    def test_a_name_is_taken_whatever_its_case(self) -> None:
        self.add()
        with pytest.raises(staff.StaffError, match="taken"):
            self.add("LAN")

    def test_the_last_administrator_stays(self) -> None:
        self.add("boss", roles=[Audience.ADMINISTRATOR])
        common: dict[str, Any] = {"username": "boss", "actor": "t", "reason": "r", "at": timezone.now()}
        with pytest.raises(staff.StaffError, match="last administrator"), transaction():
            staff.set_active(active=False, **common)
        with pytest.raises(staff.StaffError, match="last administrator"), transaction():
            staff.set_roles(roles=[BILLING], **common)

    def test_demonstration_logins_are_made_once_and_never_in_production(self, settings: Any) -> None:
        at = timezone.now()
        with transaction():
            first = demonstration.add_people(at=at)
            assert [login.role for login in demonstration.add_people(at=at)] == [
                login.role for login in first
            ]
        assert {role for login in first for role in [login.role]} == {
            one.value for one in demonstration.PEOPLE
        }
        browser = Client()
        give_password(browser, first[0].username, first[0].password)
        assert browser.post("/console/sign-in/code/", {"code": first[0].code}).status_code == 302
        settings.PRODUCTION = True
        with pytest.raises(staff.StaffError, match="production"), transaction():
            demonstration.add_people(at=at)
