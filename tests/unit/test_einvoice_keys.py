"""Keys: opened from PKCS#12, their time watched, many invoices signed by two processes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12

from tests.factories.einvoice import (
    PASSWORD,
    SELLER_CODE,
    SIGNED_AT,
    certificate,
    invoice,
    key,
    pkcs12_file,
    signer,
)
from thapsang.engines.einvoice import (
    InvoiceError,
    KeyFileError,
    Pkcs12Key,
    Signer,
    UnreadableError,
    certificate_facts,
    check_may_sign,
    draft,
    prepare,
    read_pkcs12,
    sign,
    sign_many,
    signature,
    verify,
    with_signature,
)


def test_a_key_file_opens_and_signs() -> None:
    opened = read_pkcs12(pkcs12_file(), PASSWORD)
    assert verify(sign(invoice(), opened, at=SIGNED_AT))[0].genuine


def packed(private: object, cert: object) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"thu", private, cert, None, NoEncryption())  # type: ignore[arg-type]


SMALL, CURVE = rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("content", "password", "says"),
    [
        (pkcs12_file(), b"khac", "does not open"),
        (b"not a key", PASSWORD, "does not open"),
        (packed(None, certificate(key())), b"", "lacks its key"),
        (packed(SMALL, certificate(SMALL)), b"", "2048 bits"),
        (packed(CURVE, certificate(CURVE)), b"", "2048 bits"),
    ],
)
def test_wrong_key_files_say_why(content: bytes, password: bytes, says: str) -> None:
    with pytest.raises(KeyFileError, match=says) as caught:
        read_pkcs12(content, password)
    assert caught.value.remedy


def test_a_key_and_its_password_are_not_shown() -> None:
    shown = repr(Pkcs12Key(pkcs12_file(), PASSWORD)) + repr(signer())
    assert PASSWORD.decode() not in shown and "RSAPrivateKey" not in shown


def test_the_certificates_time_is_told_and_kept() -> None:
    facts = certificate_facts(signer().certificate)
    assert facts.tax_code == SELLER_CODE
    assert facts.days_left(SIGNED_AT) == 200
    assert facts.days_left(SIGNED_AT + timedelta(days=201)) == -1
    check_may_sign(signer(), at=SIGNED_AT, tax_code=SELLER_CODE)
    for at in (SIGNED_AT - timedelta(days=101), SIGNED_AT + timedelta(days=201)):
        with pytest.raises(KeyFileError, match="not now"):
            check_may_sign(signer(), at=at)
    with pytest.raises(KeyFileError, match="belongs to tax code"):
        check_may_sign(signer(), at=SIGNED_AT, tax_code="9800000206")


def test_a_certificate_that_is_none() -> None:
    with pytest.raises(KeyFileError, match="no certificate"):
        certificate_facts(b"x")


def test_a_signing_time_needs_its_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        signature(draft(invoice()), signer(), at=datetime(2026, 11, 23))  # noqa: DTZ001


def test_the_same_invoice_is_signed_into_the_same_bytes() -> None:
    one = signer()
    assert sign(invoice(), one, at=SIGNED_AT) == sign(draft(invoice()), one, at=SIGNED_AT)


@pytest.mark.parametrize("workers", [1, 2])
def test_many_are_signed_in_order(workers: int) -> None:
    opener = Pkcs12Key(pkcs12_file(), PASSWORD)
    made = list(
        sign_many((invoice(number=n) for n in range(1, 36)), opener, at=SIGNED_AT, workers=workers, chunk=4)
    )
    verdicts = [verify(data)[0] for data in made]
    assert all(verdict.genuine for verdict in verdicts)
    assert [int(verdict.key.rpartition("|")[2]) for verdict in verdicts] == list(range(1, 36))
    assert made[0] == sign(invoice(number=1), opener(), at=SIGNED_AT)


def test_an_endless_input_is_read_no_further_than_needed() -> None:
    read = []

    def endless() -> object:
        for number in count(1):
            read.append(number)
            yield draft(invoice(number=number))

    work = sign_many(endless(), Pkcs12Key(pkcs12_file(), PASSWORD), at=SIGNED_AT, workers=2, chunk=2)  # type: ignore[arg-type]
    assert len(list(islice(work, 3))) == 3
    work.close()  # type: ignore[attr-defined]
    assert len(read) <= 2 * 8


def test_a_broken_invoice_among_many_is_named() -> None:
    opener = Pkcs12Key(pkcs12_file(), PASSWORD)
    with pytest.raises(InvoiceError) as caught:
        list(sign_many([invoice(), invoice(number=0)], opener, at=SIGNED_AT, workers=2, chunk=1))
    assert caught.value.element == "SHDon"


def test_errors_travel_between_processes() -> None:
    for error in (
        InvoiceError("SHDon", "wrong", "mend"),
        KeyFileError("a", "b", "c"),
        UnreadableError("dtd", "x", "y"),
    ):
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), other.element, other.remedy) == (type(error), error.element, error.remedy)


@dataclass
class Token:
    """A stand-in for a token: another thing that signs through the port."""

    inner: Signer
    used: int = 0

    @property
    def certificate(self) -> bytes:
        return self.inner.certificate

    def sign(self, data: bytes) -> bytes:
        self.used += 1
        return self.inner.sign(data)


def test_any_signer_plugs_into_the_port() -> None:
    token = Token(signer())
    assert verify(sign(invoice(), token, at=SIGNED_AT))[0].genuine
    assert token.used == 1


@pytest.mark.parametrize(
    ("data", "element"),
    [
        (b"<HDon/>", "DLHDon"),
        (b"<TDiep><DLieu><HDon/><HDon/></DLieu></TDiep>", "DLHDon"),
        (b"<HDon><DLHDon/></HDon>", "DLHDon/@Id"),
        (sign(invoice(), signer(), at=SIGNED_AT), "DSCKS/NBan"),
    ],
)
def test_files_that_cannot_be_signed_say_why(data: bytes, element: str) -> None:
    with pytest.raises(InvoiceError) as caught:
        prepare(data)
    assert caught.value.element == element


def test_a_file_in_somebody_elses_layout_of_white_space_is_signed() -> None:
    text = (
        b'<?xml version="1.0"?>\n<TDiep a="1">\n <DLieu>\n  <HDon xmlns:x="urn:x">\n <DLHDon Id="data" ><MST/>\n'
        b"</DLHDon>\n<DSCKS><NBan/></DSCKS></HDon></DLieu></TDiep>"
    )
    root, made = prepare(text)
    data = with_signature(root, signature(made, signer(tax_code=""), at=SIGNED_AT))
    assert made.body in data
    assert verify(data)[0].genuine
