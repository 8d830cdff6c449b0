"""Readings sent by an AMI head-end."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.factories import metering as make
from thapsang.kit.identity import clients

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path


def send(readings: Any, *, scope: str = "readings:write") -> Any:
    client_id, secret = clients.add_client(name="Đầu cuối AMI", scopes=[scope])
    web = Client()
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    token = web.post("/api/v1/oauth/token", form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return web.post(
        "/api/v1/readings", {"readings": readings}, content_type="application/json", headers=headers
    )


def test_good_readings_go_in_and_bad_ones_come_back() -> None:
    installation = make.meter(make.supply_point(make.book()))
    make.reading(installation, date(2026, 10, 1), 100)
    serial = installation.meter.serial
    body = [
        {"serial": serial, "read_on": "2026-11-01", "value": 150},
        {"serial": serial, "register": "total", "read_on": "2026-11-02", "value": 90},
        {"serial": 'x",\\', "read_on": "2026-11-01", "value": -1},
    ]
    answer = send(body)
    assert answer.status_code == 200, answer.content
    given = answer.json()
    assert (given["accepted"], given["rejected"], given["already"]) == (1, 2, False)
    assert [(r["row"], r["code"]) for r in given["returned"]] == [(2, "backwards"), (3, "negative")]
    assert make.model("metering.Reading").objects.get(read_on=date(2026, 11, 1)).source == "ami"
    assert send(body).json()["already"] is True


@pytest.mark.parametrize(
    "readings", [[], [{"serial": "x"}], [{"serial": "a\nb", "read_on": "2026-11-01", "value": 1}]]
)
def test_a_body_that_does_not_fit_is_refused(readings: Any) -> None:
    answer = send(readings)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_the_scope_is_needed() -> None:
    answer = send([{"serial": "x", "read_on": "2026-11-01", "value": 1}], scope="bills:read")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
