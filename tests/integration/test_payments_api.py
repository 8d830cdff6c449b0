"""API v1 for banks and wallets, through Django's whole stack."""

from __future__ import annotations

import base64
import datetime as dt
import json

import pytest
import yaml
from django.test import Client
from django.utils import timezone

from tests.factories.payments import account_balance, count, make_debtor
from thapsang.journeys import pay_bill
from thapsang.kit.db.place import ROOT
from thapsang.kit.identity import clients
from thapsang.kit.identity.models import ApiClient, ApiToken

ALL = ["bills:read", "payments:write", "statements:read"]


class Bank:
    """A client of the API with a token."""

    def __init__(self, *scopes: str, per_minute: int = 600, name: str = "Ngân hàng thử") -> None:
        self.id, self.secret = clients.add_client(
            name=name, scopes=scopes or ALL, requests_per_minute=per_minute
        )
        self.web = Client(raise_request_exception=False)
        self.token = self.get_token().json()["access_token"]

    def get_token(self, **form: str):
        given = {
            "grant_type": "client_credentials",
            "client_id": self.id,
            "client_secret": self.secret,
        } | form
        return self.web.post("/api/v1/oauth/token", given)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str):
        return self.web.get(f"/api/v1{path}", headers=self.headers)

    def pay(self, key: str = "key-1", raw: bytes | None = None, **body: object):
        given = {"amount": 100_000, "transaction_id": "FT1", "paid_at": timezone.now().isoformat()} | body
        content = raw if raw is not None else json.dumps(given).encode()
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return self.web.post("/api/v1/payments", content, content_type="application/json", headers=headers)


def code_of(response) -> str:
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:thapsang:problem:{body['code']}"
    return body["code"]


# ---- tokens


@pytest.mark.django_db
def test_a_token_is_given_for_an_hour_and_only_its_hash_is_kept() -> None:
    bank = Bank()
    answer = bank.get_token().json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == (
        "Bearer",
        3600,
        " ".join(sorted(ALL)),
    )
    kept = bytes(ApiToken.objects.latest("id").token_hash)
    assert answer["access_token"].encode() not in kept and len(kept) == 32
    assert bank.secret not in ApiClient.objects.get(client_id=bank.id).secret_hash


@pytest.mark.django_db
def test_basic_authentication_gets_a_token_too() -> None:
    bank = Bank()
    pair = base64.b64encode(f"{bank.id}:{bank.secret}".encode()).decode()
    answer = bank.web.post(
        "/api/v1/oauth/token",
        {"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {pair}"},
    )
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "code", "word"),
    [
        ({"client_secret": "wrong"}, "wrong-client", "invalid_client"),
        ({"client_id": "nobody"}, "wrong-client", "invalid_client"),
        ({"grant_type": "password"}, "grant-not-supported", "unsupported_grant_type"),
        ({"scope": "readings:write"}, "invalid-scope", "invalid_scope"),
    ],
)
def test_a_token_is_refused_with_the_protocols_own_word(form: dict[str, str], code: str, word: str) -> None:
    answer = Bank().get_token(**form)
    assert (code_of(answer), answer.json()["error"]) == (code, word)


@pytest.mark.django_db
def test_a_token_may_be_narrower_than_the_client() -> None:
    bank = Bank()
    bank.token = bank.get_token(scope="bills:read").json()["access_token"]
    assert code_of(bank.get("/statements/2026-11-23")) == "scope-missing"
    assert code_of(bank.get("/customers/PA13VH0000009/dues")) == "unknown-customer"


@pytest.mark.django_db
@pytest.mark.parametrize("case", ["none", "wrong", "ended", "stopped", "basic"])
def test_without_a_live_token_nothing_is_told(case: str) -> None:
    bank = Bank()
    if case == "none":
        bank.token = ""
    elif case == "wrong":
        bank.token = "x" * 40
    elif case == "ended":
        ApiToken.objects.update(expires_at=timezone.now())
    elif case == "stopped":
        assert clients.stop_client(client_id=bank.id)
    answer = (
        bank.get("/customers/PA13VH0000001/dues")
        if case != "basic"
        else bank.web.get("/api/v1/statements/2026-11-01", headers={"Authorization": "Basic eDp4"})
    )
    assert code_of(answer) == "not-authenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.django_db
def test_a_new_secret_ends_the_old_one_and_its_tokens() -> None:
    bank = Bank()
    clients.add_client(name="Ngân hàng thử", scopes=ALL, client_id=bank.id)
    assert code_of(bank.get("/customers/PA13VH0000001/dues")) == "not-authenticated"
    assert code_of(bank.get_token()) == "wrong-client"


@pytest.mark.django_db
def test_a_scope_that_does_not_exist_cannot_be_given() -> None:
    with pytest.raises(clients.ClientError, match="everything"):
        clients.add_client(name="x", scopes=["everything"])


# ---- dues


@pytest.mark.django_db
def test_dues_are_shown_without_personal_data() -> None:
    debtor, bank = make_debtor(100_000, 250_000), Bank()
    answer = bank.get(f"/customers/{debtor.code}/dues").json()
    assert answer["owed"] == 350_000
    assert [(d["open"], d["bill"][:7]) for d in answer["dues"]] == [
        (100_000, "HD2609-"),
        (250_000, "HD2610-"),
    ]
    assert answer["name"] == "Nguyễn V. A."
    assert set(answer) == {"customer_code", "name", "dues", "credit", "owed"}


@pytest.mark.django_db
def test_a_code_that_is_none_names_the_field() -> None:
    answer = Bank().get("/customers/abc/dues")
    assert (code_of(answer), answer.json()["errors"][0]["field"]) == ("invalid-request", "code")


# ---- confirm


@pytest.mark.django_db
def test_a_payment_is_confirmed_and_shows_in_dues_and_statement() -> None:
    debtor, bank = make_debtor(100_000, 250_000), Bank()
    answer = bank.pay(customer_code=debtor.code, amount=120_000)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["amount"], body["credit"], [b["amount"] for b in body["bills"]]) == (
        120_000,
        0,
        [100_000, 20_000],
    )
    assert bank.get(f"/customers/{debtor.code}/dues").json()["owed"] == 230_000
    today = timezone.localdate()
    page = bank.get(f"/statements/{today}").json()
    assert (page["count"], page["amount"], page["payments"][0]["receipt"]) == (1, 120_000, body["receipt"])
    assert Bank(name="Khác").get(f"/statements/{today}").json()["count"] == 0


@pytest.mark.django_db
def test_the_same_key_gives_the_same_answer_whatever_its_layout() -> None:
    debtor, bank = make_debtor(100_000), Bank()
    body = {
        "customer_code": debtor.code,
        "amount": 100_000,
        "transaction_id": "A",
        "paid_at": timezone.now().isoformat(),
    }
    first = bank.pay(raw=json.dumps(body).encode())
    second = bank.pay(raw=json.dumps(body, indent=3).encode())
    assert (first.status_code, second.status_code, second.content) == (201, 201, first.content)
    assert ("Idempotent-Replayed" in first.headers, second.headers["Idempotent-Replayed"]) == (False, "true")
    assert (count("payments_payment"), account_balance(debtor)) == (1, 0)


@pytest.mark.django_db
def test_another_body_under_the_key_is_refused_and_moves_nothing() -> None:
    debtor, bank = make_debtor(100_000), Bank()
    assert bank.pay(customer_code=debtor.code).status_code == 201
    assert code_of(bank.pay(customer_code=debtor.code, amount=99)) == "idempotency-key-reused"
    assert code_of(bank.pay(customer_code="PA13VH7777777")) == "idempotency-key-reused"
    assert account_balance(debtor) == 0


@pytest.mark.django_db
def test_keys_and_transactions_of_two_banks_do_not_meet() -> None:
    debtor = make_debtor(100_000)
    for name in ("A", "B"):
        assert Bank(name=name).pay(customer_code=debtor.code).status_code == 201
    assert account_balance(debtor) == -100_000


@pytest.mark.django_db
def test_the_same_transaction_under_a_new_key_is_refused() -> None:
    debtor, bank = make_debtor(100_000), Bank()
    bank.pay(customer_code=debtor.code)
    assert code_of(bank.pay("key-2", customer_code=debtor.code)) == "payment-already-recorded"


@pytest.mark.django_db
def test_a_qr_reference_is_enough_to_know_who_pays() -> None:
    debtor, bank = make_debtor(100_000), Bank()
    started = pay_bill.start_payment(customer_code=debtor.code, method="vietqr", at=timezone.now())
    answer = bank.pay(reference=started.reference).json()
    assert (answer["customer_code"], answer["credit"]) == (debtor.code, 0)
    assert code_of(bank.pay("k2", reference="TSNOBODY00", transaction_id="X")) == "unknown-reference"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": "nhiều"}, "amount"),
        ({"amount": 10**13}, "amount"),
        ({"transaction_id": ""}, "transaction_id"),
        ({"transaction_id": "a\u0000b"}, "transaction_id"),
        ({"paid_at": "2026-11-23T10:00:00"}, "paid_at"),
        ({"paid_at": "hôm nay"}, "paid_at"),
        ({"customer_code": "PA13"}, "customer_code"),
        ({"customer_code": ""}, "body"),
        ({"referense": "TS00000000"}, "referense"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], field: str) -> None:
    debtor, bank = make_debtor(100_000), Bank()
    answer = bank.pay(**({"customer_code": debtor.code} | change))
    assert code_of(answer) == "invalid-request"
    assert field in answer.json()["errors"][0]["field"]
    assert "nhiều" not in answer.content.decode()
    assert count("payments_payment") == 0


@pytest.mark.django_db
def test_a_body_that_is_no_json_and_a_missing_key_are_refused() -> None:
    debtor, bank = make_debtor(100_000), Bank()
    assert code_of(bank.pay(raw=b"{")) == "malformed-body"
    answer = bank.pay("", customer_code=debtor.code)
    assert (code_of(answer), answer.json()["errors"][0]["field"]) == ("invalid-request", "Idempotency-Key")


@pytest.mark.django_db
def test_a_payment_in_the_future_is_refused() -> None:
    debtor = make_debtor(100_000)
    later = (timezone.now() + dt.timedelta(hours=1)).isoformat()
    assert code_of(Bank().pay(customer_code=debtor.code, paid_at=later)) == "paid-in-future"


@pytest.mark.django_db
def test_a_payment_of_long_ago_is_refused_and_a_replay_is_not() -> None:
    debtor, bank = make_debtor(100_000), Bank()
    old = (timezone.now() - dt.timedelta(days=91)).isoformat()
    assert code_of(bank.pay("old", customer_code=debtor.code, paid_at=old)) == "paid-too-long-ago"
    assert count("payments_payment") == 0
    recent = (timezone.now() - dt.timedelta(days=89)).isoformat()
    assert bank.pay("recent", customer_code=debtor.code, paid_at=recent).status_code == 201


@pytest.mark.parametrize("taken", ["vnpay", "credit-note", "counter:an", "Ngân hàng", "ab"])
@pytest.mark.django_db
def test_a_client_cannot_bear_a_name_of_our_own(taken: str) -> None:
    with pytest.raises(clients.ClientError, match="cannot be a client's id"):
        clients.add_client(name="Bank", scopes=["payments:write"], client_id=taken)


@pytest.mark.django_db
def test_statements_are_paged_to_the_end() -> None:
    debtor, bank = make_debtor(100_000), Bank()
    for n in range(5):
        bank.pay(f"k{n}", customer_code=debtor.code, transaction_id=f"T{n}", amount=1000 + n)
    seen, after = [], ""
    for _ in range(3):
        page = bank.get(f"/statements/{timezone.localdate()}?limit=2&after={after}").json()
        seen += [p["transaction_id"] for p in page["payments"]]
        after = page["next_after"]
        assert (page["count"], page["amount"]) == (5, 5_010)
    assert (seen, after) == ([f"T{n}" for n in range(5)], "")


# ---- how often, and addresses that are none


@pytest.mark.django_db
def test_the_minutes_calls_are_counted_and_the_next_is_told_to_wait() -> None:
    bank = Bank(per_minute=3)
    answers = [bank.get("/customers/PA13VH0000001/dues") for _ in range(4)]
    if timezone.now().second > 57:
        pytest.skip("the minute turned within the test")
    assert [a.status_code for a in answers] == [404, 404, 404, 429]
    assert code_of(answers[3]) == "too-many-requests"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60


@pytest.mark.django_db
def test_leases_never_let_more_through_than_agreed() -> None:
    bank = Bank(per_minute=130)
    caller = clients.token_holder(token=bank.token, at=timezone.now())
    at = dt.datetime(2026, 11, 23, 9, 0, 5, tzinfo=dt.UTC)
    allowed = sum(clients.may_call(caller=caller, at=at) == 0 for _ in range(200))
    assert allowed == 130
    assert clients.may_call(caller=caller, at=at) == 55
    assert clients.may_call(caller=caller, at=at + dt.timedelta(seconds=60)) == 0


@pytest.mark.django_db
def test_addresses_and_methods_that_are_none_are_problems_too() -> None:
    web = Client()
    for address in ("/api/v1/nothing", "/api/v1/"):
        assert code_of(web.get(address)) == "not-found"
    answer = web.get("/api/v1/payments")
    assert (code_of(answer), answer.headers["Allow"]) == ("method-not-allowed", "POST")


@pytest.mark.django_db
def test_the_description_committed_is_the_apis_own() -> None:
    committed = yaml.safe_load((ROOT / "docs/api/openapi.yaml").read_text())
    assert committed == Client().get("/api/v1/openapi.json").json(), "run `thapsang api schema` and commit it"
    assert committed["openapi"].startswith("3.1")


@pytest.mark.django_db
def test_a_body_that_is_not_what_its_type_says_is_a_problem_of_the_sender() -> None:
    answer = Client(raise_request_exception=False).post(
        "/api/v1/oauth/token", b"grant_type=", content_type="multipart/form-data"
    )
    assert code_of(answer) == "malformed-body"


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"amount": True}, {"amount": "5"}, {"paid_at": 1_700_000_000}])
def test_values_of_another_kind_are_not_bent_into_shape(change: dict[str, object]) -> None:
    debtor = make_debtor(100_000)
    assert code_of(Bank().pay(**({"customer_code": debtor.code} | change))) == "invalid-request"


@pytest.mark.django_db
def test_a_day_is_written_as_a_day() -> None:
    assert code_of(Bank().get("/statements/0")) == "invalid-request"
