"""One-time codes: used once, counted, expiring, throttled for all processes; strangers learn nothing."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from tests.factories.customers import make_place, make_supplied
from thapsang.domain.notifications import operations
from thapsang.domain.notifications.models import Message, PhoneCode
from thapsang.domain.notifications.types import CODE_LIFE, CODE_TRIES, SmsNotSentError, TooManyCodesError
from thapsang.journeys import sign_in
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.models import User
from thapsang.kit.identity.people import phone_of
from thapsang.kit.privacy import cipher

AT = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
PHONE = "+84912345678"
NAMES = {"distributor": "Dien luc Nghe An", "hotline": "19006769"}


class Outbox:
    """A sender that keeps what it was given; or refuses."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.refuses = False

    def send(self, *, phone: str, text: str) -> str:
        if self.refuses:
            raise SmsNotSentError("no route")
        self.sent.append((phone, text))
        return f"ref-{len(self.sent)}"

    @property
    def code(self) -> str:
        found = re.search(r"\b(\d{6})\b", self.sent[-1][1])
        return found[1] if found else ""


@pytest.fixture
def outbox(monkeypatch) -> Outbox:
    box = Outbox()
    monkeypatch.setitem(operations._senders, "sms", box)
    return box


@pytest.fixture
def known(transactional_db) -> str:
    make_supplied(make_place(), phone=PHONE)
    return PHONE


def ask(phone: str = PHONE, *, sender: str = "10.0.0.1", at: datetime = AT, language: str = "vi") -> int:
    return sign_in.ask_code(phone=phone, sender=sender, language=language, names=NAMES, at=at)


def test_a_code_signs_in_once(known, outbox):
    code_id = ask()
    assert outbox.sent[0][0] == PHONE and "Dien luc Nghe An" in outbox.sent[0][1]
    user = sign_in.confirm_code(code_id=code_id, code=outbox.code, at=AT)
    assert user and phone_of(user) == PHONE and not user.has_usable_password() and not user.is_staff
    assert PHONE[3:] not in user.username
    assert sign_in.confirm_code(code_id=code_id, code=outbox.code, at=AT) is None
    again = ask(at=AT + timedelta(minutes=1))
    assert sign_in.confirm_code(code_id=again, code=outbox.code, at=AT + timedelta(minutes=1)) == user
    assert User.objects.count() == 1


def test_neither_code_nor_phone_stands_in_the_database(known, outbox):
    ask()
    with connection.cursor() as sql:
        sql.execute(
            "SELECT notifications_phonecode::text || coalesce("
            "(SELECT notifications_message::text FROM notifications_message), '') FROM notifications_phonecode"
        )
        row = sql.fetchone()[0]
    assert outbox.code not in row and "912345678" not in row and "10.0.0.1" not in row
    assert Message.objects.get().status == "sent" and Message.objects.get().provider_reference == "ref-1"


def test_a_code_expires_and_a_newer_one_ends_it(known, outbox):
    first = ask()
    code = outbox.code
    assert sign_in.confirm_code(code_id=first, code=code, at=AT + CODE_LIFE) is None
    second = ask(at=AT + timedelta(minutes=1))
    assert sign_in.confirm_code(code_id=first, code=code, at=AT + timedelta(minutes=2)) is None
    assert sign_in.confirm_code(code_id=second, code=outbox.code, at=AT + timedelta(minutes=2)) is not None


def test_five_tries_and_no_more(known, outbox):
    code_id = ask()
    wrong = f"{(int(outbox.code) + 1) % 10**6:06d}"
    for _ in range(CODE_TRIES):
        assert sign_in.confirm_code(code_id=code_id, code=wrong, at=AT) is None
    assert sign_in.confirm_code(code_id=code_id, code=outbox.code, at=AT) is None
    assert PhoneCode.objects.get().tries == CODE_TRIES


def test_tries_at_the_same_moment_are_all_counted(known, outbox):
    code_id = ask()
    results: list[object] = []

    def guess() -> None:
        results.append(sign_in.confirm_code(code_id=code_id, code="x", at=AT))
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [None] * 8
    assert PhoneCode.objects.get().tries == CODE_TRIES


def test_a_phone_gets_three_codes_in_ten_minutes_even_asked_at_once(known, outbox):
    refused: list[timedelta] = []

    def request(number: int) -> None:
        try:
            ask(sender=f"10.0.0.{number}")
        except TooManyCodesError as error:
            refused.append(error.wait)
        connection.close()

    threads = [threading.Thread(target=request, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outbox.sent) == 3 and len(refused) == 3
    assert refused[0] == timedelta(minutes=10)
    ask(at=AT + timedelta(minutes=10, seconds=1))


def test_an_address_cannot_ask_for_many_phones(known, outbox):
    for number in range(20):
        ask(f"+849000000{number:02d}")
    with pytest.raises(TooManyCodesError):
        ask("+84900000099")
    ask("+84900000099", sender="10.0.0.2")


def test_a_strangers_phone_is_told_so_and_no_code_fits(known, outbox):
    code_id = ask("+84987654321")
    assert len(outbox.sent) == 1 and not outbox.code
    for code in ("", "000000", "None"):
        assert sign_in.confirm_code(code_id=code_id, code=code, at=AT) is None
    assert User.objects.count() == 0


def test_a_refused_message_is_kept_as_failed_and_the_asker_sees_no_difference(known, outbox):
    outbox.refuses = True
    assert ask()
    message = Message.objects.get()
    assert (message.status, message.problem) == ("failed", "no route")
    assert cipher.decrypt(message.address_cipher, purpose="phone") == PHONE


def test_a_message_rolled_back_is_never_sent(known, outbox):
    with pytest.raises(ZeroDivisionError), transaction():
        operations.send_sms(phone=PHONE, template="sign-in-code", text="x", at=AT)
        raise ZeroDivisionError
    assert outbox.sent == [] and Message.objects.count() == 0


def test_english_and_the_length_of_one_message(known, outbox):
    ask(language="en")
    assert "your sign-in code" in outbox.sent[-1][1]
    ask(at=AT + timedelta(minutes=1))
    for _, text in outbox.sent:
        assert text.isascii() and len(text) <= 160, len(text)


def test_old_codes_are_forgotten(known, outbox):
    ask()
    with transaction():
        assert operations.forget_old_codes(before=AT) == 0
        assert operations.forget_old_codes(before=AT + timedelta(days=2)) == 1
