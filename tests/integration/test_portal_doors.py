"""What the portal's pages let through: only one's own, kept by no cache, posts with a token, no open redirect."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.factories.customers import make_place, make_supplied
from tests.factories.payments import Debtor, make_bill
from thapsang.domain.billing.types import bill_code
from thapsang.domain.ledger import operations as ledger
from thapsang.domain.payments import queries as payments
from thapsang.domain.payments.types import IdempotencyKey
from thapsang.interfaces.portal.views.signing_in import BACKEND as SIGNED_IN_BY
from thapsang.journeys.pay_bill import confirm_bank_payment, start_payment
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.people import customer_user

MINE, THEIRS = "+84912345678", "+84912345679"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def people(transactional_db) -> tuple[Debtor, Debtor]:
    place = make_place()
    with transaction():
        ledger.open_account(chart="112", code="112")
    period = (timezone.localdate().replace(day=1) - timedelta(days=1)).replace(day=1)
    made = []
    for serial, phone in ((1, MINE), (2, THEIRS)):
        supplied = make_supplied(place, serial=serial, phone=phone, name=f"Nguyễn Văn Bí Mật {serial}")
        made.append(Debtor(supplied, [make_bill(supplied, period, 108_000 * serial)]))
    return made[0], made[1]


@pytest.fixture
def mine(people) -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(customer_user(phone=MINE), backend=BACKEND)
    return client


def test_only_ones_own_bill_payment_and_receipt_open(people, mine):
    me, them = people
    own, other = bill_code(me.bills[0]), bill_code(them.bills[0])
    assert mine.get(f"/bills/{own}/pay/").status_code == 200
    for path in (f"/bills/{other}/", f"/bills/{other}/pdf/", f"/bills/{other}/pay/"):
        assert mine.get(path).status_code == 404, path
    theirs = start_payment(customer_code=them.code, method="vietqr", at=timezone.now())
    for path in (f"/pay/{theirs.reference}/", f"/pay/{theirs.reference}/state/", "/pay/TS0000000000/"):
        assert mine.get(path).status_code == 404, path
    assert mine.post("/pay/", {"customer": them.code, "method": "vietqr"}).status_code == 404
    assert mine.post("/pay/", {"customer": me.code, "method": "cash"}).status_code == 404


@pytest.mark.parametrize("kind", ["theirs", "unknown", "no number", "no end"])
def test_a_payment_names_only_bills_that_are_owed(people, mine, kind):
    me, them = people
    named = {"theirs": str(them.bills[0]), "unknown": "1", "no number": "\u00b2", "no end": "9" * 5000}[kind]
    for bills in ([named], [str(me.bills[0]), named]):
        answer = mine.post("/pay/", {"customer": me.code, "method": "vietqr", "bill": bills})
        assert answer.status_code == 409
    assert "payments" not in mine.session  # nothing was begun
    answer = mine.post("/pay/", {"customer": me.code, "method": "vietqr", "bill": [str(me.bills[0])]})
    intent = payments.intent(reference=answer.headers["Location"].split("/")[2])
    assert intent and intent.bill_ids == (me.bills[0],)


def test_a_bill_paid_meanwhile_does_not_turn_into_the_others(people, mine):
    me, _ = people
    paid, this_month = str(me.bills[0]), timezone.localdate().replace(day=1)
    other = make_bill(me.supplied, this_month, 54_000)
    settle(me.code, me.bills[0])
    for bills in ([paid], [paid, str(other)]):
        answer = mine.post("/pay/", {"customer": me.code, "method": "vietqr", "bill": bills})
        assert answer.status_code == 409
    assert "payments" not in mine.session
    answer = mine.post("/pay/", {"customer": me.code, "method": "vietqr"})  # what is owed, whatever it is
    intent = payments.intent(reference=answer.headers["Location"].split("/")[2])
    assert intent and (intent.bill_ids, intent.amount) == ((other,), 54_000)


def test_without_an_account_nothing_personal_is_shown(people):
    me, _ = people
    client = Client()
    assert client.post("/pay/", {"customer": me.code, "method": "vietqr"}).status_code == 404
    answer = client.post("/look-up/", {"code": f" {me.code.lower()} "}, follow=True)
    page = answer.content.decode()
    assert "108.000" in page and "Bí Mật" not in page and "Nguyễn Du" not in page and "912345678" not in page
    assert me.code not in answer.request["PATH_INFO"]
    assert client.get(f"/bills/{bill_code(me.bills[0])}/").status_code == 302


@pytest.mark.parametrize("path", ["/home/", "/bills/", "/account/", "/sign-in/", "/look-up/owed/"])
def test_no_cache_keeps_a_personal_page(people, mine, path):
    assert "no-store" in mine.get(path).headers["Cache-Control"]


def test_posts_need_a_token(people):
    client = Client(enforce_csrf_checks=True)
    for path in ("/sign-in/", "/look-up/", "/pay/", "/language/", "/sign-out/"):
        assert client.post(path, {}).status_code == 403, path


def test_no_redirect_leaves_the_site(people, monkeypatch):
    from thapsang.domain.notifications import operations

    sent: list[str] = []

    class Sender:
        def send(self, *, phone: str, text: str) -> str:
            sent.append(text)
            return "1"

    monkeypatch.setitem(operations._senders, "sms", Sender())
    client = Client()
    client.post("/sign-in/", {"phone": "0912345678", "next": "https://evil.example/"})
    before = client.cookies["sessionid"].value
    code = next(
        word.strip(",")
        for word in sent[-1].split()
        if word.strip(",").isdigit() and len(word.strip(",")) == 6
    )
    answer = client.post("/sign-in/code/", {"code": code})
    assert answer.headers["Location"] == "/home/"
    assert client.cookies["sessionid"].value != before  # the session's key changes at sign-in
    assert (
        client.post("/language/", {"language": "en", "next": "https://evil.example/"}).headers["Location"]
        == "/"
    )


def test_a_phone_that_moved_on_opens_nothing_any_more(people, mine):
    me, _ = people
    path = f"/bills/{bill_code(me.bills[0])}/pay/"
    assert mine.get(path).status_code == 200
    with connection.cursor() as sql:
        sql.execute("DELETE FROM customers_contactpoint WHERE customer_id = %s", [me.id])
    assert mine.get(path).status_code == 404


def test_a_policy_without_exceptions_and_the_gateway_only_where_it_is_needed(people, mine):
    me, _ = people
    plain = mine.get("/home/").headers["Content-Security-Policy"]
    assert "unsafe" not in plain and "form-action 'self';" in plain + ";"
    paying = mine.get(f"/bills/{bill_code(me.bills[0])}/pay/").headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:8001" in paying


def test_english_on_a_phone_set_to_english_is_asked_for_not_guessed(db):
    client = Client(headers={"Accept-Language": "en-US,en;q=0.9"})
    assert b'lang="vi"' in client.get("/").content
    client.post("/language/", {"language": "en"})
    assert b'lang="en"' in client.get("/").content


def test_a_kept_page_opens_to_its_own_reader_alone(people, mine):
    me, them = people
    path = f"/bills/{bill_code(me.bills[0])}/"
    page = mine.get(path)
    assert page.status_code == 200 and "108.000" in page.content.decode()
    assert page.headers["Cache-Control"] == "no-store, private, max-age=0"
    stranger = Client()
    stranger.force_login(customer_user(phone=THEIRS), backend=BACKEND)
    assert stranger.get(path).status_code == 404
    assert stranger.get(f"/bills/{bill_code(them.bills[0])}/").status_code == 200
    assert Client().get(path).status_code == 302


def test_a_payment_shows_on_a_page_that_was_kept(people, mine):
    me, _ = people
    path = f"/bills/{bill_code(me.bills[0])}/"
    assert "đã trả" not in mine.get(path).content.decode()
    settle(me.code, me.bills[0])
    assert "đã trả" in mine.get(path).content.decode()


def settle(customer: str, bill: int) -> None:
    """Pay a bill at the bank."""
    started = start_payment(customer_code=customer, method="vietqr", at=timezone.now(), bill_ids=[bill])
    confirm_bank_payment(
        key=IdempotencyKey("bank", "k1", b""), provider_reference="X1", intent_reference=started.reference,
        customer_code=customer, amount=started.amount, paid_at=timezone.now(), at=timezone.now(),
    )  # fmt: skip


def test_a_session_ends_in_every_process_at_once(people, mine):
    me, _ = people
    path = f"/bills/{bill_code(me.bills[0])}/"
    assert mine.get(path).status_code == 200
    elsewhere = Client()
    elsewhere.cookies["sessionid"] = mine.cookies["sessionid"].value
    elsewhere.post("/sign-out/")
    assert mine.get(path).status_code == 302


def test_a_customer_locked_out_sees_nothing_any_more(people, db):
    me, _ = people
    path, user, client = f"/bills/{bill_code(me.bills[0])}/", customer_user(phone=MINE), Client()
    client.force_login(user, backend=SIGNED_IN_BY)
    assert client.get(path).status_code == 200
    user.is_active = False
    user.save()
    assert client.get(path).status_code == 302


def test_the_token_on_a_kept_page_is_the_readers_own_and_works(people):
    me, _ = people
    path, tokens = f"/bills/{bill_code(me.bills[0])}/", []
    for _ in range(2):
        client = Client(enforce_csrf_checks=True)
        client.force_login(customer_user(phone=MINE), backend=SIGNED_IN_BY)
        (token,) = re.findall(
            r'name="csrfmiddlewaretoken" value="(\w{64})"', client.get(path).content.decode()
        )
        assert client.post("/language/", {"language": "en", "csrfmiddlewaretoken": token}).status_code == 302
        assert b'lang="en"' in client.get(path).content
        tokens.append(token)
    assert tokens[0] != tokens[1]


def test_a_page_reads_the_same_compressed_or_not(people, mine):
    me, _ = people
    path = f"/bills/{bill_code(me.bills[0])}/"
    packed = mine.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert {"Accept-Encoding", "Cookie"} <= {name.strip() for name in packed.headers["Vary"].split(",")}

    def text(content: bytes) -> bytes:
        return re.sub(rb'value="\w{64}"', b"", content)

    assert text(gzip.decompress(packed.content)) == text(mine.get(path).content)


def test_a_bill_has_one_address(people, mine):
    me, _ = people
    code = bill_code(me.bills[0])
    for other in (f"/bills/{code.lower()}/", f"/bills/{code}/?from=sms", f"/bills/{me.bills[0]}/"):
        answer = mine.get(other)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/bills/{code}/"), other


def test_a_bill_shows_though_its_policy_is_of_a_format_unknown_here(people, mine):
    with connection.cursor() as sql:
        sql.execute("SELECT content FROM tariffs_policyversion")
        assert sql.fetchone()[0] == "{}"  # nothing of it can be read
    me, _ = people
    page = mine.get(f"/bills/{bill_code(me.bills[0])}/")
    assert page.status_code == 200 and "Giá theo" not in page.content.decode()
    assert mine.get(f"/bills/{bill_code(me.bills[0])}/pdf/").content.startswith(b"%PDF")
