"""A session is read together with its customer and with what the page asks; what is signed decides, nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone

from tests.factories.customers import make_place, make_supplied
from tests.factories.payments import make_bill
from thapsang.domain.billing.types import LaterBill, bill_code, bill_id_of
from thapsang.interfaces.portal.bill_page import bill_questions
from thapsang.interfaces.portal.views.bills import finished
from thapsang.interfaces.portal.views.signing_in import BACKEND
from thapsang.kit.db import questions
from thapsang.kit.db.questions import answers_to
from thapsang.kit.identity.models import User
from thapsang.kit.identity.people import customer_user, phone_index_of
from thapsang.kit.identity.sessions import SessionStore

pytestmark = pytest.mark.django_db(transaction=True)
MINE, THEIRS = "+84912345678", "+84912345679"


@pytest.fixture
def mine() -> Client:
    browser = Client()
    browser.force_login(customer_user(phone=MINE), backend=BACKEND)
    return browser


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many questions each round trip asked."""
    made: list[int] = []
    sent = questions._sent

    def counted(link, asked):
        made.append(len(asked))
        return sent(link, asked)

    monkeypatch.setattr(questions, "_sent", counted)
    return made


def stored(browser: Client) -> Session:
    return Session.objects.get(session_key=browser.session.session_key)


def bill_of(phone: str, serial: int) -> str:
    supplied = make_supplied(make_place(), serial=serial, phone=phone, name="Nguyễn Văn Bí Mật")
    month = (timezone.localdate().replace(day=1) - timedelta(days=1)).replace(day=1)
    return f"/bills/{bill_code(make_bill(supplied, month, 108_000))}/"


def test_a_bills_page_is_one_round_trip(mine, trips):
    page = bill_of(MINE, 1)
    assert mine.get(page).status_code == 200
    # the session with its customer, the bill, its place, its lines, the months of use, later bills
    assert trips == [6]
    trips.clear()
    assert mine.get(page).status_code == 200
    assert trips == [3]  # a page that is kept: the session, whose the bill is and what was paid, later bills
    trips.clear()
    with connection.execute_wrapper(refused):
        assert mine.get(page).status_code == 200


def refused(execute, sql, params, many, context):
    raise AssertionError(f"A statement beside the questions: {sql}")


def test_a_kept_page_gives_way_when_another_bill_follows(mine):
    code = bill_of(MINE, 1).split("/")[2]
    number, index = bill_id_of(code), phone_index_of(customer_user(phone=MINE))
    guarded, later, *rest = answers_to(bill_questions(bill_id=number))
    before = finished(bill_id=number, told=(guarded, later, *rest), phone_index=index)
    follows = (LaterBill(number + 1, "adjusts", False, -8_000, ()),)
    after = finished(bill_id=number, told=(guarded, follows, *rest), phone_index=index)
    assert "Điều chỉnh giảm" in after.plain(b"").decode()
    assert "Điều chỉnh giảm" not in before.plain(b"").decode()


def test_anothers_bill_is_read_along_and_not_told(mine, trips):
    page = bill_of(THEIRS, 1)
    assert mine.get(page).status_code == 404
    assert mine.get("/bills/HD9913-000000000/").status_code == 404
    assert mine.get("/bills/x/").status_code == 404
    assert trips == [6, 1, 1]
    assert Client().get(page).status_code == 302


@pytest.mark.parametrize("kind", ["of a time before", "another's number", "no number"])
def test_the_number_before_a_session_proves_nothing(mine, kind):
    page, held, other = bill_of(MINE, 1), stored(mine), customer_user(phone=THEIRS)
    signed = held.session_data.rpartition("~")[2]
    held.session_data = {"of a time before": signed, "another's number": f"{other.pk}~{signed}"}.get(
        kind, f"9999999999999999999~{signed}"
    )
    held.save()
    assert mine.get(page).status_code == 200


def test_a_forged_session_with_a_good_number_is_nobody(mine):
    page, held = bill_of(MINE, 1), stored(mine)
    number, _, signed = held.session_data.rpartition("~")
    held.session_data = f"{number}~{signed[:-1]}{'a' if signed[-1] != 'a' else 'b'}"
    held.save()
    assert mine.get(page).headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("kind", ["password", "locked out", "gone"])
def test_a_session_ends_with_what_proved_it(mine, kind):
    page, user = bill_of(MINE, 1), User.objects.get(pk=int(mine.session[SESSION_KEY]))
    if kind == "gone":
        user.delete()
    else:
        changed = {"password": {"password": "!another"}, "locked out": {"is_active": False}}[kind]
        User.objects.filter(pk=user.pk).update(**changed)
    assert mine.get(page).headers["Location"].startswith("/sign-in/")


def test_a_session_outlives_a_change_of_keys(mine):
    page, before = bill_of(MINE, 1), mine.session.session_key
    with override_settings(
        SECRET_KEY="n" * 50, SECRET_KEY_FALLBACKS=["only-for-development-and-demonstration"]
    ):
        answer = mine.get(page)
        assert answer.status_code == 200
        assert answer.cookies["sessionid"].value != before  # proved by the old key, written with the new one


def test_django_reads_what_has_no_user_and_we_what_django_wrote():
    ours, djangos = SessionStore(), DatabaseSessions()
    ours["waiting"] = djangos["waiting"] = 7
    ours.create()
    djangos.create()
    assert DatabaseSessions(ours.session_key)["waiting"] == SessionStore(djangos.session_key)["waiting"] == 7
