"""The product and its sandbox twins over real HTTP: order, payer, notification, return, transfer, message."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from tests.factories.payments import account_balance, count, make_debtor
from thapsang.adapters.sms_gateway import SmsGateway
from thapsang.adapters.twins.server import TwinServer, serve
from thapsang.adapters.twins.setting import Setting
from thapsang.adapters.vnpay import VNPay
from thapsang.domain.notifications.types import SmsNotSentError
from thapsang.domain.payments import operations, queries
from thapsang.journeys import pay_bill
from thapsang.kit.identity import clients


class Twins:
    """The twins on a port of their own, and a payer's browser."""

    def __init__(self, server: TwinServer) -> None:
        self.server = server
        self.url = server.setting.own
        self.browser = httpx.Client(timeout=10)

    def pay(self, redirect_url: str, behaviour: str = "normal", decision: str = "pay") -> httpx.Response:
        page = self.browser.get(f"{redirect_url}&behaviour={behaviour}")
        assert page.status_code == 200 and "Thanh toán" in page.text
        reference = httpx.URL(redirect_url).params["vnp_TxnRef"]
        form = {"reference": reference, "decision": decision, "behaviour": behaviour}
        return self.browser.post(f"{self.url}/vnpay/decide", data=form)

    def answers(self, reference: str) -> list[str]:
        found = self.browser.get(f"{self.url}/vnpay/orders.json", params={"reference": reference}).json()
        return [n.get("RspCode", n.get("problem", "")) for n in found[0]["notifications"]]

    def wait_for_answers(self, reference: str, number: int) -> list[str]:
        deadline = time.monotonic() + 40
        while len(self.answers(reference)) < number and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.answers(reference)


@pytest.fixture
def twins(live_server) -> Iterator[Twins]:
    setting = Setting.of_environment(
        {"THAPSANG_PUBLIC_URL": live_server.url}, merchant="", own="", pause=0.02, late=0.6
    )
    client, secret = clients.add_client(name="bank", scopes=["payments:write"])
    server = serve(setting, host="127.0.0.1", port=0)
    own = f"http://127.0.0.1:{server.server_address[1]}"
    server.setting = replace(setting, own=own, bank_client=client, bank_secret=secret)
    object.__setattr__(server.bank, "setting", server.setting)
    server.gateway.setting = server.setting
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    before = operations.gateway(name="vnpay")
    operations.use_gateway(
        VNPay(
            f"{own}/vnpay/pay", "THAPSANG", settings.VNPAY["secret"], f"{live_server.url}/hooks/vnpay/return"
        )
    )
    yield Twins(server)
    operations.use_gateway(before)
    server.shutdown()
    server.server_close()
    thread.join()


def start(debtor, method: str = "gateway") -> pay_bill.Started:
    return pay_bill.start_payment(customer_code=debtor.code, method=method, at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_a_customer_pays_at_the_gateway_and_the_notification_settles(twins: Twins) -> None:
    debtor = make_debtor(100_000, 250_000)
    started = start(debtor)
    back = twins.pay(started.redirect_url)
    assert back.status_code == 303 and "/hooks/vnpay/return?" in back.headers["Location"]
    assert twins.wait_for_answers(started.reference, 1) == ["00"]
    assert account_balance(debtor) == 0
    returned = twins.browser.get(back.headers["Location"])
    assert returned.status_code == 302
    assert [c.kind for c in queries.callbacks()] == ["return", "ipn"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("behaviour", "answers", "left"),
    [
        ("duplicate", ["00", "02", "02"], 0),
        ("late", ["00"], 0),
        ("wrong-amount", ["04", "04"], 200_000),
        ("forged", ["97", "97"], 200_000),
    ],
)
def test_a_gateway_that_behaves_oddly(twins: Twins, behaviour: str, answers: list[str], left: int) -> None:
    debtor = make_debtor(200_000)
    started = start(debtor)
    twins.pay(started.redirect_url, behaviour)
    if behaviour == "late":
        assert account_balance(debtor) == 200_000
    assert twins.wait_for_answers(started.reference, len(answers))[: len(answers)] == answers
    assert account_balance(debtor) == left


@pytest.mark.django_db(transaction=True)
def test_a_silent_gateway_leaves_the_payment_open(twins: Twins) -> None:
    debtor = make_debtor(200_000)
    started = start(debtor)
    back = twins.pay(started.redirect_url, "silent")
    twins.browser.get(back.headers["Location"])
    assert (account_balance(debtor), count("payments_payment")) == (200_000, 0)
    assert queries.intent(reference=started.reference).status == "open"


@pytest.mark.django_db(transaction=True)
def test_a_payer_who_cancels_fails_the_intent(twins: Twins) -> None:
    debtor = make_debtor(200_000)
    started = start(debtor)
    twins.pay(started.redirect_url, decision="cancel")
    assert twins.wait_for_answers(started.reference, 1) == ["00"]
    assert queries.intent(reference=started.reference).status == "failed"
    again = twins.browser.post(
        f"{twins.url}/vnpay/decide", data={"reference": started.reference, "decision": "pay"}
    )
    assert again.status_code == 409


@pytest.mark.django_db(transaction=True)
def test_an_order_that_was_tampered_with_is_not_taken(twins: Twins) -> None:
    started = start(make_debtor(200_000))
    answer = twins.browser.get(started.redirect_url.replace("vnp_Amount=20000000", "vnp_Amount=100"))
    assert answer.status_code == 400 and "97" in answer.text


@pytest.mark.django_db(transaction=True)
def test_a_scanned_code_is_paid_by_the_bank_through_the_api(twins: Twins) -> None:
    debtor = make_debtor(180_000)
    started = start(debtor, "vietqr")
    done = twins.browser.post(f"{twins.url}/vietqr/transfer", json={"payload": started.qr_payload}).json()
    assert (done["status"], done["answer"]["credit"], account_balance(debtor)) == (201, 0, 0)
    assert queries.intent(reference=started.reference).status == "paid"
    wrong = started.qr_payload[:-1] + ("1" if started.qr_payload.endswith("0") else "0")
    page = twins.browser.post(f"{twins.url}/vietqr/transfer", data={"payload": wrong})
    assert page.status_code == 400


@pytest.mark.django_db(transaction=True)
def test_messages_arrive_and_a_wrong_token_is_refused(twins: Twins) -> None:
    sender = SmsGateway(f"{twins.url}/sms", settings.SMS["token"])
    number = sender.send(phone="+84912345678", text="Mã của bạn là 123456 <b>")
    assert number.startswith("SMS")
    kept = twins.browser.get(f"{twins.url}/sms/messages.json", params={"to": "+84912345678"}).json()
    assert [m["text"] for m in kept] == ["Mã của bạn là 123456 <b>"]
    assert "&lt;b&gt;" in twins.browser.get(f"{twins.url}/sms/inbox").text
    with pytest.raises(SmsNotSentError, match="401"):
        SmsGateway(f"{twins.url}/sms", "wrong").send(phone="+84912345678", text="x")
    with pytest.raises(SmsNotSentError, match="does not answer") as caught:
        SmsGateway("http://127.0.0.1:9/sms", "x", seconds=0.5).send(phone="+84912345678", text="x")
    assert "912345678" not in str(caught.value)


def test_the_twins_run_as_a_process_and_end_when_told() -> None:
    words = [
        sys.executable,
        "-m",
        "thapsang.adapters.twins",
        "--port",
        "8159",
        "--merchant",
        "http://127.0.0.1:9",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and "8159" in process.stdout.readline()
        pages = [
            httpx.get(f"http://127.0.0.1:8159{path}")
            for path in ("/", "/sms/inbox", "/vietqr", "/twins.css", "/x")
        ]
        assert [p.status_code for p in pages] == [200, 200, 200, 200, 404]
        assert all("script" not in p.text for p in pages)
        taken = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (taken.returncode, "8159" in taken.stderr) == (1, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
