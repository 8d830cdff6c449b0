"""Rotation brings every encrypted value under the newest key, can be stopped, and loses nothing."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from django.db import connection

from tests.factories.customers import make_place, make_supplied
from thapsang.domain.customers import operations, queries
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.models import User
from thapsang.kit.privacy import cipher, rotation

pytestmark = pytest.mark.django_db
ONE, TWO = (f"{n}:{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))
AT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def people(settings) -> list[int]:
    settings.DATA_KEYS = ONE
    place = make_place()
    made = [make_supplied(place, serial=i, phone=f"09120000{i:02d}") for i in range(1, 8)]
    with transaction():
        operations.add_contact_point(customer_id=made[0].customer_id, kind="email", value="an@vi.vn")
        operations.add_contact_point(customer_id=made[0].customer_id, kind="zalo", value="0912000001")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_customer SET id_number_cipher = %s WHERE id = %s",
            [cipher.encrypt("040084000999", purpose="id-number"), made[0].customer_id],
        )
        user = User.objects.create(username="x", phone_cipher=cipher.encrypt("+84912000001", purpose="phone"))
        secret = base64.b64encode(cipher.encrypt("SECRET", purpose="second-factor")).decode()
        cursor.execute(
            "INSERT INTO mfa_authenticator (type, data, user_id, created_at) VALUES ('totp', %s, %s, now())",
            [f'{{"secret": "{secret}", "counter": 7}}', user.pk],
        )
        cursor.execute(
            "INSERT INTO notifications_message (channel, template, address_cipher, status, "
            "provider_reference, problem, created_at) VALUES ('sms', 'x', %s, 'sent', '', '', now())",
            [cipher.encrypt("+84912000001", purpose="phone")],
        )
    return [supplied.customer_id for supplied in made]


def _by_key() -> dict[int, int]:
    count: dict[int, int] = {}
    for use in rotation.status():
        count[use.key_number] = count.get(use.key_number, 0) + use.values
    return count


def test_everything_moves_to_the_newest_key_and_reads_the_same(people: list[int], settings) -> None:
    before = [queries.contact_points(customer_id=id_) for id_ in people]
    assert _by_key() == {1: 13}
    settings.DATA_KEYS = f"{ONE},{TWO}"
    told: list[tuple[str, int, int]] = []
    assert rotation.rotate(batch=3, progress=lambda *step: told.append(step)) == 13
    assert _by_key() == {2: 13}
    settings.DATA_KEYS = TWO
    assert [queries.contact_points(customer_id=id_) for id_ in people] == before
    assert queries.customers_by_phone(phone="0912000003")[0].id == people[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT data ->> 'secret', data ->> 'counter' FROM mfa_authenticator")
        secret, counter = cursor.fetchone()
    assert cipher.decrypt(base64.b64decode(secret), purpose="second-factor") == "SECRET" and counter == "7"
    assert rotation.rotate() == 0
    phones = [step for step in told if step[0] == "customers_contactpoint.value_cipher"]
    assert phones == [("customers_contactpoint.value_cipher", done, 9) for done in (3, 6, 9)]


def test_a_rotation_that_was_stopped_goes_on(people: list[int], settings) -> None:
    settings.DATA_KEYS = f"{ONE},{TWO}"

    def stop(column: str, done: int, total: int) -> None:
        if column.startswith("customers_contactpoint") and done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotation.rotate(batch=2, progress=stop)
    halfway = _by_key()
    assert halfway[1] > 0 and halfway[2] > 0
    assert rotation.rotate(batch=2) == halfway[1]
    assert _by_key() == {2: 13}


def test_a_missing_key_is_shown_and_stops_the_rotation(people: list[int], settings) -> None:
    settings.DATA_KEYS = TWO
    assert {(use.key_number, use.readable) for use in rotation.status()} == {(1, False)}
    with pytest.raises(cipher.CipherError, match=r"row \d+: Key number 1 is not configured"):
        rotation.rotate()
    assert _by_key() == {1: 13}
