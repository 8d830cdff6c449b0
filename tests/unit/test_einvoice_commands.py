"""`thapsang invoices`: what it prints, writes and leaves with."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.factories.einvoice import PASSWORD, SIGNED_AT, invoice, pkcs12_file, sign_with, signer
from thapsang.engines.einvoice import bare, draft, sign, verify
from thapsang.interfaces.cli.invoices import PASSWORD_VARIABLE, app

NOW = datetime.now(UTC)
TIME = {"valid_from": NOW - timedelta(days=300), "valid_until": NOW + timedelta(days=60)}


def run(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "hoa-don.xml"
    path.write_bytes(bare(draft(invoice())))
    return path


@pytest.fixture
def keyfile(tmp_path: Path) -> Path:
    path = tmp_path / "khoa.p12"
    path.write_bytes(pkcs12_file(**TIME))
    (tmp_path / "password").write_bytes(PASSWORD + b"\n")
    return path


def test_a_right_file_passes_and_a_wrong_one_says_where(plain: Path) -> None:
    assert run("validate", plain).exit_code == 0
    plain.write_bytes(plain.read_bytes().replace(b"<PBan>2.1.0", b"<PBan>9.9.9", 1))
    result = run("validate", plain)
    assert result.exit_code == 1
    assert "line 2, HDon/DLHDon/TTChung/PBan" in result.stdout and "2.1.0" in result.stdout


def test_validation_as_json(plain: Path) -> None:
    plain.write_bytes(plain.read_bytes().replace(b"<MKHang>PA13VH0000001</MKHang>", b"", 1))
    (found,) = json.loads(run("validate", "--json", plain).stdout)
    assert found["valid"] is True
    assert [problem["severity"] for problem in found["problems"]] == ["warning"]


def test_sign_then_verify(plain: Path, keyfile: Path, tmp_path: Path) -> None:
    result = run(
        "sign",
        plain,
        "--pkcs12",
        keyfile,
        "--password-file",
        tmp_path / "password",
        "--into",
        tmp_path / "out",
    )
    assert result.exit_code == 0, result.output
    signed = tmp_path / "out" / "hoa-don.signed.xml"
    assert verify(signed.read_bytes())[0].genuine
    assert [p.name for p in signed.parent.iterdir()] == ["hoa-don.signed.xml"]
    assert run("verify", signed).exit_code == 0
    assert run("validate", signed).exit_code == 0


def test_the_password_comes_from_the_environment_or_a_prompt(plain: Path, keyfile: Path) -> None:
    assert run("sign", plain, "--pkcs12", keyfile, **{PASSWORD_VARIABLE: PASSWORD.decode()}).exit_code == 0
    result = CliRunner().invoke(
        app, ["sign", str(plain), "--pkcs12", str(keyfile)], input=f"{PASSWORD.decode()}\n"
    )
    assert result.exit_code == 0
    assert PASSWORD.decode() not in result.output


def test_a_wrong_password_an_ended_certificate_another_seller(plain: Path, keyfile: Path) -> None:
    result = run("sign", plain, "--pkcs12", keyfile, **{PASSWORD_VARIABLE: "khac"})
    assert result.exit_code == 2 and "Check the password" in result.stderr
    keyfile.write_bytes(pkcs12_file(valid_from=NOW - timedelta(days=9), valid_until=NOW - timedelta(days=1)))
    result = run("sign", plain, "--pkcs12", keyfile, **{PASSWORD_VARIABLE: PASSWORD.decode()})
    assert result.exit_code == 2 and "Renew it" in result.stderr
    keyfile.write_bytes(pkcs12_file(tax_code="9800000206", **TIME))
    result = run("sign", plain, "--pkcs12", keyfile, **{PASSWORD_VARIABLE: PASSWORD.decode()})
    assert result.exit_code == 1 and "9800000206" in result.stderr
    assert not plain.with_name("hoa-don.signed.xml").exists()


def test_an_ending_certificate_is_warned_about(plain: Path, keyfile: Path) -> None:
    password = {PASSWORD_VARIABLE: PASSWORD.decode()}
    assert "Renew" not in run("sign", plain, "--pkcs12", keyfile, **password).stderr
    assert "Renew" in run("sign", plain, "--pkcs12", keyfile, "--warn-days", 90, **password).stderr
    found = json.loads(run("sign", plain, "--pkcs12", keyfile, "--json", **password).stdout)
    assert found["certificate"]["days_left"] in {59, 60}


def test_good_files_are_signed_though_others_are_refused(plain: Path, keyfile: Path, tmp_path: Path) -> None:
    bad, again = tmp_path / "sai.xml", tmp_path / "da-ky.xml"
    bad.write_bytes(plain.read_bytes().replace(b"439700", b"439799", 1))
    again.write_bytes(sign(invoice(), signer(), at=SIGNED_AT))
    password = {PASSWORD_VARIABLE: PASSWORD.decode()}
    result = run("sign", bad, again, plain, "--pkcs12", keyfile, "--json", **password)
    assert result.exit_code == 1
    files = json.loads(result.stdout)["files"]
    assert [bool(item["signed"]) for item in files] == [False, False, True]
    assert files[1]["problems"][0]["problem"] == "is signed already."
    assert sorted(p.name for p in tmp_path.glob("*.signed.xml")) == ["hoa-don.signed.xml"]


def test_verification_names_the_cause_and_trusts_only_whom_it_is_told(tmp_path: Path) -> None:
    path, pem = tmp_path / "a.xml", tmp_path / "issuer.pem"
    key_signer, pem_bytes = sign_with()
    path.write_bytes(sign(invoice(), key_signer, at=SIGNED_AT))
    pem.write_bytes(pem_bytes)
    (found,) = json.loads(run("verify", path, "--trust", pem, "--json").stdout)
    assert (found["genuine"], found["trusted"]) == (True, True)
    (tmp_path / "other.der").write_bytes(signer(1).certificate)
    result = run("verify", path, "--trust", tmp_path / "other.der")
    assert result.exit_code == 1 and "untrusted" in result.stdout
    path.write_bytes(path.read_bytes().replace(b"474876", b"174876", 1))
    result = run("verify", path)
    assert result.exit_code == 1 and "NOT GENUINE (altered)" in result.stdout


def test_files_that_are_missing_or_hold_no_certificate(tmp_path: Path, plain: Path) -> None:
    assert run("validate", tmp_path / "none.xml").exit_code == 2
    result = run("verify", plain, "--trust", plain)
    assert result.exit_code == 2 and "no certificate" in result.stderr
