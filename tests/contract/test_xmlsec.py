"""Our signatures in the hands of Debian's xmlsec1, and its signatures in ours."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.factories.einvoice import BUYER, SELLER_CODE, SIGNED_AT, certificate, invoice, key, signer
from thapsang.engines.einvoice import Dispatch, bare, draft, envelope, hdon, sign, signature, verify
from thapsang.engines.einvoice.c14n import EXCLUSIVE, INCLUSIVE

pytestmark = pytest.mark.skipif(
    shutil.which("xmlsec1") is None,
    reason="xmlsec1 is missing: apt-get install xmlsec1 (tools/test.sh does as root)",
)
IDS = ["--id-attr:Id", "DLHDon", "--id-attr:Id", "http://www.w3.org/2000/09/xmldsig#:Object"]
GOLDEN = Path(__file__).parents[1] / "golden" / "einvoice"


def xmlsec_accepts(folder: Path, data: bytes, number: int = 0) -> bool:
    """xmlsec1 verifies with the public key we name, not with one it finds in the file."""
    file, public = folder / "invoice.xml", folder / "public.pem"
    file.write_bytes(data)
    public.write_bytes(certificate(key(number)).public_bytes(Encoding.PEM))
    done = subprocess.run(
        [
            "xmlsec1",
            "--verify",
            *IDS,
            "--pubkey-cert-pem",
            str(public),
            "--enabled-key-data",
            "rsa",
            str(file),
        ],
        capture_output=True,
        text=True,
    )
    return done.returncode == 0


NAMES = [
    "Nguyễn Thị Ví Dụ",
    "A & B <C> \"D\" 'E'",
    "dòng\nmới\tvà\rhết",
    "𝄞 ⟨漢字⟩ 🙂",
    "]]>",
    "  hai đầu trống  ",
]


@pytest.mark.parametrize("name", NAMES)
def test_xmlsec1_verifies_what_we_sign(name: str, tmp_path: Path) -> None:
    data = sign(invoice(buyer=replace(BUYER, name=name)), signer(), at=SIGNED_AT)
    assert xmlsec_accepts(tmp_path, data)
    assert not xmlsec_accepts(tmp_path, data.replace(b"439700", b"439701", 1))
    assert not xmlsec_accepts(tmp_path, data, number=1)


def test_xmlsec1_refuses_a_changed_signing_time(tmp_path: Path) -> None:
    data = sign(invoice(), signer(), at=SIGNED_AT)
    changed = data.replace(b"2026-11-23T08", b"2026-11-22T08", 1)
    assert changed != data
    assert not xmlsec_accepts(tmp_path, changed)
    assert verify(changed)[0].cause == "altered"


def test_a_signed_invoice_may_travel_in_an_envelope(tmp_path: Path) -> None:
    made = draft(invoice())
    inside = hdon(made, signature(made, signer(), at=SIGNED_AT), code="00CODE")
    data = envelope(Dispatch("A", "B", "200", "C", SELLER_CODE), [inside])
    assert xmlsec_accepts(tmp_path, data)
    wrapped = data.replace(b"<TDiep>", b'<TDiep xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">', 1)
    assert xmlsec_accepts(tmp_path, wrapped)
    assert [verdict.cause for verdict in verify(wrapped)] == ["genuine"]


def test_the_kept_sample_is_verified_by_both(tmp_path: Path) -> None:
    data = (GOLDEN / "signed.xml").read_bytes()
    file = tmp_path / "invoice.xml"
    file.write_bytes(data)
    done = subprocess.run(["xmlsec1", "--verify", *IDS, "--insecure", str(file)], capture_output=True)
    assert done.returncode == 0
    assert verify(data)[0].genuine


TEMPLATE = (
    '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo><CanonicalizationMethod Algorithm="{form}"/>'
    '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><Reference URI="#{id}">'
    '<Transforms><Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>{transform}</Transforms>'
    '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue/></Reference></SignedInfo>'
    "<SignatureValue/><KeyInfo><X509Data/></KeyInfo></Signature>"
)


@pytest.mark.parametrize("form", [INCLUSIVE, EXCLUSIVE])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    "around",
    ["", ' xmlns:xsi="urn:x" xmlns:a="urn:a"', ' xml:lang="vi" xml:space="preserve"', ' xmlns:z="urn:z"'],
)
def test_we_verify_what_xmlsec1_signs(form: str, named: bool, around: str, tmp_path: Path) -> None:
    made = draft(invoice())
    transform = f'<Transform Algorithm="{form}"/>' if named else ""
    unsigned = bare(made, TEMPLATE.format(form=form, id=made.id, transform=transform).encode())
    unsigned = unsigned.replace(b"<HDon>", f"<HDon{around}>".encode(), 1).replace(b"<NMua>", b"<NMua >\n ", 1)
    (tmp_path / "in.xml").write_bytes(unsigned)
    private, public = tmp_path / "key.pem", tmp_path / "cert.pem"
    private.write_bytes(key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(certificate(key()).public_bytes(Encoding.PEM))
    out = tmp_path / "out.xml"
    subprocess.run(
        [
            "xmlsec1",
            "--sign",
            *IDS[:2],
            "--privkey-pem",
            f"{private},{public}",
            "--output",
            out,
            tmp_path / "in.xml",
        ],
        check=True,
        capture_output=True,
    )
    data = out.read_bytes()
    assert [verdict.cause for verdict in verify(data)] == ["genuine"]
    assert verify(data.replace(b"439700", b"439701", 1))[0].cause == "altered"
