"""The outbox of short messages: sent at once, tried again, given up with a reason, never sent too late or twice."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from tests.factories.messages import Carrier
from thapsang.adapters.sms_gateway import SmsGateway
from thapsang.domain.notifications import operations
from thapsang.domain.notifications.models import Message
from thapsang.domain.notifications.queries import message_counts
from thapsang.domain.notifications.types import (
    RETRY_AFTER,
    SEND_TRIES,
    NewSms,
    SmsNotSentError,
    SmsUnreachableError,
    pause_after,
)
from thapsang.journeys.send_messages import send_waiting
from thapsang.kit.db.transactions import transaction
from thapsang.kit.privacy import rotation

AT = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
PHONE = "+84912345678"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setitem(operations._senders, "sms", made)
    return made


def send(text: str = "Ma la 123456", **more: object) -> Message:
    with transaction():
        number = operations.send_sms(phone=PHONE, template="t", text=text, at=AT, **more)  # type: ignore[arg-type]
    return Message.objects.get(pk=number)


def try_again(at: datetime) -> str | None:
    with transaction():
        waiting = operations.claim_sms(at=at)
    return operations.deliver_sms(waiting, at=at) if waiting else None


def test_a_message_is_sent_at_once_and_its_text_forgotten(carrier: Carrier) -> None:
    message = send()
    assert carrier.sent == [(PHONE, "Ma la 123456")]
    assert (message.status, message.text_cipher, message.due_at) == ("sent", None, None)
    assert try_again(AT + timedelta(days=1)) is None


def test_a_provider_that_does_not_answer_is_asked_again_after_ten_seconds(carrier: Carrier) -> None:
    carrier.down = 1
    message = send()
    assert (message.status, message.problem, message.due_at) == ("queued", "no answer", AT + RETRY_AFTER)
    assert message.text_cipher is not None and b"123456" not in bytes(message.text_cipher)
    assert try_again(AT + timedelta(seconds=9)) is None
    assert try_again(AT + timedelta(seconds=10)) == "sent"
    message.refresh_from_db()
    assert (message.status, message.problem, message.text_cipher, message.tries) == ("sent", "", None, 2)
    assert len(carrier.sent) == 1


def test_an_interrupted_send_is_done_by_the_worker(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "deliver_sms", lambda *_, **__: "")  # the process dies after its commit
    message = send()
    monkeypatch.undo()
    monkeypatch.setitem(operations._senders, "sms", carrier)
    assert message.status == "queued"
    assert try_again(AT + RETRY_AFTER) == "sent"


def test_pauses_grow_and_the_end_is_failure_with_the_reason(carrier: Carrier) -> None:
    carrier.down = 99
    message, at, pauses = send(), AT, []
    while True:
        message.refresh_from_db()
        if message.status != "queued":
            break
        assert message.due_at
        pauses.append((message.due_at - at).total_seconds())
        assert try_again(message.due_at - timedelta(seconds=1)) is None
        at = message.due_at
        try_again(at)
    assert pauses == [10, 30, 90, 270, 810] == [pause_after(n).total_seconds() for n in range(1, SEND_TRIES)]
    assert (message.status, message.problem, message.text_cipher) == ("failed", "no answer", None)
    assert carrier.asked == SEND_TRIES and message_counts() == {"failed": 1}


def test_a_refusal_is_final(carrier: Carrier) -> None:
    carrier.refuses = True
    message = send()
    assert (message.status, message.problem, message.text_cipher) == ("failed", "no such number", None)
    assert try_again(AT + timedelta(hours=1)) is None


def test_a_code_past_its_life_is_not_sent_any_more(carrier: Carrier) -> None:
    carrier.down = 1
    message = send(expires_at=AT + timedelta(minutes=5))
    assert try_again(AT + timedelta(minutes=5)) == "failed"
    message.refresh_from_db()
    assert carrier.asked == 1 and "time was over" in message.problem and message.text_cipher is None


def test_a_worker_that_dies_with_its_last_try_leaves_no_message_for_ever(carrier: Carrier) -> None:
    carrier.down = 1
    message = send()
    Message.objects.update(tries=SEND_TRIES)
    assert try_again(AT + timedelta(hours=1)) == "failed"
    message.refresh_from_db()
    assert "interrupted" in message.problem and carrier.asked == 1


def test_queued_messages_are_sent_once_by_many_workers(carrier: Carrier) -> None:
    with transaction():
        operations.queue_sms(
            messages=[NewSms(PHONE, "t", f"text {n}", f"payment:{n}") for n in range(40)], at=AT
        )
    Message.objects.update(due_at=timezone.now() - timedelta(minutes=1))

    def work() -> None:
        try:
            send_waiting()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(carrier.sent) == sorted((PHONE, f"text {n}") for n in range(40))
    assert message_counts() == {"sent": 40}


def test_what_was_told_is_not_told_again(carrier: Carrier) -> None:
    for _ in range(2):
        with transaction():
            operations.queue_sms(messages=[NewSms(PHONE, "t", "text", "payment:7")], at=AT)
    assert send_waiting()["sent"] == 1
    assert len(carrier.sent) == 1


def test_a_silent_provider_does_not_hold_the_worker_up(carrier: Carrier) -> None:
    carrier.down = 99
    with transaction():
        operations.queue_sms(messages=[NewSms(PHONE, "t", "x", f"p:{n}") for n in range(20)], at=AT)
    assert send_waiting() == {"queued": 1} and carrier.asked == 1


def test_a_waiting_text_survives_a_change_of_keys(carrier: Carrier, settings) -> None:  # type: ignore[no-untyped-def]
    carrier.down = 1
    message = send("xin chao")
    settings.DATA_KEYS += ",2:" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
    assert rotation.rotate() == 2
    settings.DATA_KEYS = settings.DATA_KEYS.split(",")[1]
    assert try_again(AT + timedelta(hours=1)) == "sent"
    assert carrier.sent == [(PHONE, "xin chao")] and message.pk


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, SmsUnreachableError),
        (503, SmsUnreachableError),
        (429, SmsUnreachableError),
        (400, SmsNotSentError),
    ],
)
def test_the_gateway_tells_refusal_from_trouble(
    monkeypatch: pytest.MonkeyPatch, status: int, error: type[SmsNotSentError]
) -> None:
    monkeypatch.setattr(httpx, "post", lambda *_, **__: httpx.Response(status))
    with pytest.raises(SmsNotSentError) as caught:
        SmsGateway("http://127.0.0.1:9/sms", "t").send(phone=PHONE, text="x")
    assert caught.type is error
    assert 3 * SmsGateway("", "").seconds < RETRY_AFTER.total_seconds()


def test_a_gateway_nobody_listens_at_is_unreachable() -> None:
    with pytest.raises(SmsUnreachableError, match="does not answer"):
        SmsGateway("http://127.0.0.1:9/sms", "t").send(phone=PHONE, text="x")
