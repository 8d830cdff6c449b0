"""Altered, forged, wrapped, hostile and broken files: each gets a verdict that names its cause."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories.einvoice import SELLER_CODE, SIGNED_AT, certificate, invoice, key, signer
from thapsang.engines.einvoice import (
    Dispatch,
    SoftwareSigner,
    Verdict,
    bare,
    draft,
    envelope,
    hdon,
    sign,
    signature,
    verify,
)
from thapsang.engines.einvoice.signing import DS, RSA_SHA256, SHA256

GOLDEN = Path(__file__).parents[1] / "golden" / "einvoice"
BODY = re.compile(rb"<DLHDon .*</DLHDon>", re.DOTALL)


@pytest.fixture(scope="module")
def signed() -> bytes:
    return sign(invoice(), signer(), at=SIGNED_AT)


def only(data: bytes, **options: object) -> Verdict:
    (verdict,) = verify(data, **options)  # type: ignore[arg-type]
    return verdict


def test_a_signed_invoice_is_genuine_and_says_by_whom_and_when(signed: bytes) -> None:
    verdict = only(signed)
    assert (verdict.genuine, verdict.cause, verdict.trusted) == (True, "genuine", False)
    assert verdict.key == f"{SELLER_CODE}|1|C26TNA|75757"
    assert verdict.signed_at == SIGNED_AT
    assert verdict.signer is not None and verdict.signer.tax_code == SELLER_CODE
    assert "--trust" in verdict.remedy


def test_the_kept_sample_stays_genuine() -> None:
    assert only((GOLDEN / "signed.xml").read_bytes()).genuine


def test_no_changed_byte_of_the_invoice_passes(signed: bytes) -> None:
    start, end = BODY.search(signed).span()  # type: ignore[union-attr]
    passed = []
    for at in range(start, end):
        changed = bytearray(signed)
        changed[at] ^= 0x01
        if only(bytes(changed)).genuine:
            passed.append(at)
    assert passed == []


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_cut_or_insertion_in_the_signed_element_passes(signed: bytes, data: st.DataObject) -> None:
    start, end = BODY.search(signed).span()  # type: ignore[union-attr]
    at = data.draw(st.integers(start + 1, end - 1))
    length = data.draw(st.integers(0, 20))
    put = data.draw(st.sampled_from([b"", b"0", b" ", b"<a/>", b"&amp;", b"\n"]))
    changed = signed[:at] + put + signed[min(at + length, end) :]
    if changed != signed and BODY.search(changed) != BODY.search(signed):
        verdict = only(changed)
        assert not verdict.genuine or canonical_body(changed) == canonical_body(signed)


def canonical_body(data: bytes) -> bytes:
    from thapsang.engines.einvoice.c14n import canonical
    from thapsang.engines.einvoice.tree import read

    body = read(data).at("DLHDon")
    assert body is not None
    return canonical(body)


def changed(signed: bytes, old: bytes, new: bytes) -> bytes:
    assert old in signed
    return signed.replace(old, new, 1)


def test_an_altered_amount_is_named(signed: bytes) -> None:
    verdict = only(changed(signed, b"<TgTTTBSo>474876", b"<TgTTTBSo>174876"))
    assert verdict.cause == "altered" and "DLHDon" in verdict.message and verdict.remedy


def test_another_digest_is_a_forgery(signed: bytes) -> None:
    """Somebody who changes the amount and mends the digest still has no key."""
    from hashlib import sha256

    body = BODY.search(signed)[0]  # type: ignore[index]
    other = body.replace(b"474876", b"174876", 1)
    mended = signed.replace(body, other).replace(
        b64encode(sha256(body).digest()), b64encode(sha256(other).digest()), 1
    )
    assert only(mended).cause == "forged"


def test_a_signature_by_another_key_is_a_forgery() -> None:
    wrong = SoftwareSigner(key(1), signer(0).certificate)
    assert only(sign(invoice(), wrong, at=SIGNED_AT)).cause == "forged"


def test_a_stranger_who_signs_properly_is_not_trusted() -> None:
    data = sign(invoice(), signer(1), at=SIGNED_AT)
    assert only(data).genuine and not only(data).trusted
    verdict = only(data, trusted=[signer(0).certificate])
    assert (verdict.genuine, verdict.cause) == (False, "untrusted")
    assert verdict.signer is not None


def test_the_signers_own_certificate_or_its_issuers_is_trust() -> None:
    root = certificate(key(1), tax_code="")
    leaf = certificate(key(0), issuer=(root.subject, key(1))).public_bytes(Encoding.DER)
    data = sign(invoice(), SoftwareSigner(key(0), leaf), at=SIGNED_AT)
    for der in (leaf, root.public_bytes(Encoding.DER)):
        assert only(data, trusted=[der]).trusted
    stranger = certificate(key(2), tax_code="").public_bytes(Encoding.DER)
    assert only(data, trusted=[stranger]).cause == "untrusted"


def test_a_certificate_of_another_tax_code_or_time_is_refused() -> None:
    assert only(sign(invoice(), signer(tax_code="9800000206"), at=SIGNED_AT)).cause == "other-signer"
    late = sign(invoice(), signer(), at=SIGNED_AT + timedelta(days=300))
    assert only(late).cause == "certificate-time"
    assert only(sign(invoice(), signer(tax_code=""), at=SIGNED_AT)).genuine
    assert only(sign(invoice(), signer(tax_code="9900000104-001"), at=SIGNED_AT)).genuine
    assert only(sign(invoice(), signer(tax_code="040190000001"), at=SIGNED_AT)).cause == "other-signer"


def parts(signed: bytes) -> tuple[bytes, bytes]:
    return BODY.search(signed)[0], re.search(rb"<DSCKS>.*</DSCKS>", signed, re.DOTALL)[0]  # type: ignore[index]


def test_signature_wrapping_is_refused(signed: bytes) -> None:
    body, seal = parts(signed)
    evil = body.replace(b"474876", b"174876", 1)
    other_id = evil.replace(b' Id="', b' Id="X', 1)
    hostile = {
        "two with one Id": (b"<HDon>" + evil + body + seal + b"</HDon>", "duplicate-id"),
        "two with two Ids": (b"<HDon>" + other_id + body + seal + b"</HDon>", "no-content"),
        "the signed one hidden elsewhere": (
            b"<HDon>" + other_id
            + seal.replace(b"</DSCKS>", b"<CCKSKhac>" + body + b"</CCKSKhac></DSCKS>") + b"</HDon>",
            "reference-elsewhere",
        ),
        "the signed one in an Object": (
            b"<HDon>" + other_id
            + seal.replace(b"</ds:Signature>", b"<ds:Object>" + body + b"</ds:Object></ds:Signature>") + b"</HDon>",
            "reference-elsewhere",
        ),
        "the signed one inside the evil one": (
            b"<HDon>" + other_id.replace(b"</DLHDon>", body + b"</DLHDon>") + seal + b"</HDon>",
            "reference-elsewhere",
        ),
        "without an Id": (b"<HDon>" + re.sub(rb' Id="[^"]*"', b"", evil, count=1) + seal + b"</HDon>",
                          "reference-elsewhere"),
        "unsigned content beside": (b"<HDon>" + body + b"<TTKhac/>" + seal + b"</HDon>", "unsigned-content"),
        "no invoice": (b"<HDon>" + seal + b"</HDon>", "no-content"),
    }  # fmt: skip
    assert {name: only(data).cause for name, (data, _) in hostile.items()} == {
        name: cause for name, (_, cause) in hostile.items()
    }


def test_a_reference_that_also_covers_something_else_is_refused(signed: bytes) -> None:
    data = re.sub(rb"<ds:Object .*</ds:Object>", b"", signed, flags=re.DOTALL)
    assert only(data).cause == "reference-elsewhere"


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "algorithm"),
        (SHA256, f"{DS}sha1", "algorithm"),
        ("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2006/12/xml-c14n11", "algorithm"),
        (
            '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#">',
            '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116">',
            "algorithm",
        ),
        ("<ds:SignatureValue>", "<ds:SignatureValue>!", "signature-shape"),
        ("<ds:DigestValue>", "<ds:DigestValue>?", "signature-shape"),
        ("ds:SignatureValue>", "ds:SignatureWorth>", "not-xml"),
        ("<ds:X509Certificate>", "<ds:X509Certificate>AAAA", "certificate"),
    ],
)
def test_weak_and_misshapen_signatures_are_named(signed: bytes, old: str, new: str, cause: str) -> None:
    assert only(changed(signed, old.encode(), new.encode())).cause == cause


def test_signatures_with_parts_missing_or_doubled(signed: bytes) -> None:
    _, seal = parts(signed)
    second = b'<NBan><ds:Signature xmlns:ds="%s"/>' % DS.encode()
    cut = {
        "unsigned": signed.replace(seal, b""),
        "several-signatures": signed.replace(seal, seal.replace(b"<NBan>", second)),
        "certificate": re.sub(rb"<ds:KeyInfo>.*</ds:KeyInfo>", b"", signed, flags=re.DOTALL),
        "signature-shape": re.sub(rb"<ds:SignatureValue>.*</ds:SignatureValue>", b"", signed, flags=re.DOTALL),
    }  # fmt: skip
    assert {cause: only(data).cause for cause, data in cut.items()} == {cause: cause for cause in cut}
    doubled = seal.replace(b"<NBan>", b"<NBan></NBan><NBan>")
    assert only(signed.replace(seal, doubled)).cause == "several-signatures"
    many = b'<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>'
    assert only(changed(signed, many, many * 3)).cause == "algorithm"


def test_a_signing_time_that_is_no_moment() -> None:
    made = draft(invoice())
    seal = signature(made, signer(), at=SIGNED_AT)
    held = re.search(rb"<ds:Object .*</ds:Object>", seal)[0]  # type: ignore[index]
    from hashlib import sha256

    def digest(part: bytes) -> bytes:
        full = part.replace(b"<ds:Object", b'<ds:Object xmlns:ds="%s"' % DS.encode(), 1)
        return b64encode(sha256(full).digest())

    other = re.sub(rb">2026-[^<]*<", b">mai<", held)
    assert (
        only(bare(made, seal.replace(held, other).replace(digest(held), digest(other)))).cause
        == "signature-shape"
    )
    zoneless = re.sub(rb">2026-[^<]*<", b">2026-11-23T15:30:00<", held)
    assert (
        only(bare(made, seal.replace(held, zoneless).replace(digest(held), digest(zoneless)))).cause
        == "forged"
    )


def test_small_and_foreign_keys_are_refused() -> None:
    small = rsa.generate_private_key(65537, 1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    data = sign(invoice(), signer(), at=SIGNED_AT)
    own = b64encode(signer().certificate)
    for private in (small, curve):
        der = certificate(private).public_bytes(Encoding.DER)
        text = re.search(rb"<ds:X509Certificate>([^<]*)<", data)[1]  # type: ignore[index]
        assert b64decode(text) and own
        assert only(data.replace(text, b64encode(der))).cause == "weak-key"


DEEP = b"<HDon>" + b"<a>" * 100 + b"</a>" * 100 + b"</HDon>"


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"%PDF-1.7 not xml", "not-xml"),
        (b"<HDon><DLHDon>", "not-xml"),
        (b"\xff\xfe<\x00H\x00", "encoding"),
        (b'<?xml version="1.0" encoding="windows-1258"?><HDon/>', "encoding"),
        (b"<HDon>\xe9</HDon>", "not-xml"),
        (b'<!DOCTYPE HDon [<!ENTITY x SYSTEM "file:///etc/passwd">]><HDon>&x;</HDon>', "dtd"),
        (b'<!DOCTYPE HDon SYSTEM "http://127.0.0.1/x.dtd"><HDon/>', "dtd"),
        (b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>', "dtd"),
        (b"<HDon>&unknown;</HDon>", "not-xml"),
        (b"<Invoices><Invoice/></Invoices>", "wrong-root"),
        (b"<DLHDon><HDon/></DLHDon>", "wrong-root"),
        (b"<TDiep><TTChung/></TDiep>", "no-invoice"),
        (DEEP, "too-deep"),
        (b"<HDon>" + b"<a/>" * 200_001 + b"</HDon>", "too-many"),
        (b"<HDon>" + b"x" * (8 * 1024 * 1024) + b"</HDon>", "too-large"),
        (b"<x:HDon/>", "namespace"),
        (b"<a:b:c/>", "namespace"),
        (b'<HDon xmlns:p=""/>', "namespace"),
        (b'<HDon xmlns:xml="urn:x"/>', "namespace"),
        (b'<HDon xmlns:a="u" xmlns:b="u" a:k="1" b:k="2"/>', "namespace"),
        (b"<HDon/>", "no-content"),
    ],
)
def test_hostile_and_broken_files(data: bytes, cause: str) -> None:
    verdict = only(data)
    assert (verdict.genuine, verdict.cause) == (False, cause)
    assert verdict.message and verdict.remedy


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_verifier(data: bytes) -> None:
    assert not any(verdict.genuine for verdict in verify(data))


def test_each_invoice_of_an_envelope_gets_its_verdict() -> None:
    made = [draft(invoice(number=number)) for number in (1, 2, 3)]
    inside = [hdon(one, signature(one, signer(), at=SIGNED_AT)) for one in made]
    inside[1] = inside[1].replace(b"474876", b"474877", 1)
    verdicts = verify(envelope(Dispatch("A", "B", "200", "C", SELLER_CODE), inside))
    assert [verdict.cause for verdict in verdicts] == ["genuine", "altered", "genuine"]
    assert [verdict.key.rpartition("|")[2] for verdict in verdicts] == ["1", "2", "3"]


def test_a_comment_cannot_split_a_value(signed: bytes) -> None:
    verdict = only(changed(signed, b"<SHDon>75757", b"<SHDon>75<!-- -->757"))
    assert verdict.genuine and verdict.key.endswith("|75757")
