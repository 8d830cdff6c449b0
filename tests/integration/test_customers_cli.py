"""`thapsang customers`, `thapsang keys`, `thapsang demo logins`: what they print and how they refuse."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tests.factories.customers import make_place, make_supplied
from thapsang.interfaces.cli import customers, demo, keys
from thapsang.kit.identity.access import STAFF
from thapsang.kit.privacy import cipher

runner = CliRunner()


@pytest.mark.django_db
def test_find_and_show() -> None:
    made = make_supplied(make_place(), phone="0912345678")
    found = json.loads(runner.invoke(customers.app, ["find", "nguyen van an", "--json"]).stdout)
    assert [(hit["code"], hit["matched_on"]) for hit in found] == [(made.customer_code, "name")]
    shown = json.loads(runner.invoke(customers.app, ["show", made.customer_code.lower(), "--json"]).stdout)
    assert shown["supply_points"][0]["code"] == made.supply_point_code
    assert shown["contact_points"] == [{"kind": "phone", "value": "•••• ••• 678", "verified": False}]
    plain = runner.invoke(customers.app, ["show", made.customer_code]).stdout
    assert made.supply_point_code in plain and "912345678" not in plain
    assert made.customer_code in runner.invoke(customers.app, ["find", "0912345678"]).stdout


@pytest.mark.django_db
def test_what_is_not_there_is_said() -> None:
    assert "Nobody found" in runner.invoke(customers.app, ["find", "ai do"]).stdout
    missing = runner.invoke(customers.app, ["show", "PA13VH9999999"])
    assert missing.exit_code == 2 and "customers find" in missing.stderr


@pytest.mark.django_db
def test_keys(settings) -> None:
    made = json.loads(runner.invoke(keys.app, ["new", "--json"]).stdout)
    assert cipher.parse_data_keys(made["THAPSANG_DATA_KEYS"]).newest == 1
    supplied = make_supplied(make_place(), phone="0912345678")
    before = settings.DATA_KEYS
    settings.DATA_KEYS = f"{before},2:{cipher.new_key()}"
    assert json.loads(runner.invoke(keys.app, ["rotate", "--json"]).stdout) == {"rotated": 1, "newest": 2}
    status = json.loads(runner.invoke(keys.app, ["status", "--json"]).stdout)
    assert [(use["key_number"], use["values"]) for use in status["columns"]] == [(2, 1)]
    assert json.loads(runner.invoke(keys.app, ["new", "--json"]).stdout)["THAPSANG_DATA_KEYS"].startswith(
        "3:"
    )
    settings.DATA_KEYS = f"3:{cipher.new_key()}"
    stopped = runner.invoke(keys.app, ["rotate"])
    assert stopped.exit_code == 1 and "Key number 2 is not configured" in stopped.stderr
    assert "KEY MISSING" in runner.invoke(keys.app, ["status"]).stdout
    assert supplied.customer_id


@pytest.mark.django_db(transaction=True)
def test_logins() -> None:
    both = json.loads(runner.invoke(demo.app, ["logins", "--json"]).stdout)
    people, staff = both["customers"], both["staff"]
    assert {member["role"] for member in staff} == {role.value for role in STAFF}
    assert all(len(member["code"]) == 6 and member["password"] for member in staff)
    assert len(people) >= 5 and all(person["phone"].startswith("09") for person in people)
    assert len({person["customer_code"] for person in people}) == len(people)
