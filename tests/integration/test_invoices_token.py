"""The signing key in a PKCS#11 token (SoftHSM2): signatures verify, every way to miss it is named."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils import timezone

from tests.factories.einvoice import SELLER_CODE, certificate, invoice, key
from thapsang.adapters.pkcs11 import Token
from thapsang.domain.invoices.types import NoKeyError
from thapsang.engines.einvoice import KeyFileError, check_may_sign, sign, validate, verify

MODULES = [Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")]
MODULE = next((path for path in MODULES if path.exists()), None)
pytestmark = pytest.mark.skipif(
    MODULE is None or shutil.which("softhsm2-util") is None,
    reason="SoftHSM2 is not installed (tools/system.sh)",
)
pytest.importorskip("pkcs11")


def write_certificate(token: Token, number: int, label: str) -> None:
    import pkcs11
    from pkcs11.util.x509 import decode_x509_certificate

    session = pkcs11.lib(str(token.module)).get_token(token_label=token.label).open(user_pin="1234", rw=True)
    made = decode_x509_certificate(certificate(key(number)).public_bytes(Encoding.DER))
    made[pkcs11.Attribute.TOKEN] = True
    made[pkcs11.Attribute.LABEL] = label
    session.create_object(made)
    session.close()


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n"
    )
    patch = pytest.MonkeyPatch()
    patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
    plain = key(0).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(plain)
    (folder / "pin").write_text("1234\n")
    for words in (
        ["--init-token", "--free", "--label", "seller", "--so-pin", "5678", "--pin", "1234"],
        [
            "--import",
            str(folder / "key.pem"),
            "--token",
            "seller",
            "--label",
            "sign",
            "--id",
            "01",
            "--pin",
            "1234",
        ],
        [
            "--import",
            str(folder / "key.pem"),
            "--token",
            "seller",
            "--label",
            "other",
            "--id",
            "02",
            "--pin",
            "1234",
        ],
        [
            "--import",
            str(folder / "key.pem"),
            "--token",
            "seller",
            "--label",
            "bare",
            "--id",
            "03",
            "--pin",
            "1234",
        ],
    ):
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
    assert MODULE is not None
    made = Token(MODULE, "seller", "sign", folder / "pin")
    write_certificate(made, 0, "sign")
    write_certificate(made, 1, "other")
    yield made
    patch.undo()


def test_what_the_token_signs_verifies(token: Token) -> None:
    signer: Any = token()
    check_may_sign(signer, at=timezone.now(), tax_code=SELLER_CODE)
    content = sign(invoice(), signer, at=timezone.now())
    signer.key.session.close()  # a token lets a user in once in a process
    assert validate(content) == []
    assert verify(content, trusted=[signer.certificate])[0].genuine


def test_every_way_to_miss_the_key_is_named(token: Token, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("9999")
    for wrong, says in (
        (replace(token, label="nobody"), "THAPSANG_INVOICE_TOKEN_LABEL"),
        (replace(token, key="nothing"), "THAPSANG_INVOICE_TOKEN_KEY"),
        (replace(token, pin_file=tmp_path / "pin"), "PIN"),
        (replace(token, pin_file=tmp_path / "gone"), "THAPSANG_INVOICE_PIN_FILE"),
        (replace(token, key="bare"), "no certificate"),
    ):
        with pytest.raises(NoKeyError, match=says):
            wrong()
    with pytest.raises(KeyFileError, match="another key"):
        replace(token, key="other")()


def test_a_module_that_is_none_is_named(token: Token, tmp_path: Path) -> None:
    (tmp_path / "no.so").write_bytes(b"")
    with pytest.raises(NoKeyError, match="THAPSANG_INVOICE_TOKEN"):
        replace(token, module=tmp_path / "no.so")()
