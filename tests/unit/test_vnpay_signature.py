"""VNPay's signature: a published vector, and a verifier written a second time."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thapsang.adapters.vnpay import VNPay
from thapsang.domain.payments.types import ForgedMessageError, Order, UnreadableMessageError, Verdict
from thapsang.engines.signing import vnpay

# lehuygiang28/vnpay, test/verify-ipn-call.test.ts; a made-up secret
VECTOR = {
    "vnp_Amount": "1000000",
    "vnp_BankCode": "NCB",
    "vnp_BankTranNo": "VNP14422574",
    "vnp_CardType": "ATM",
    "vnp_OrderInfo": "Thanh toan don hang 2024-05-21T02:17:31.249Z",
    "vnp_PayDate": "20240521091806",
    "vnp_TmnCode": "TEST_TMN_CODE",
    "vnp_TransactionNo": "14422574",
    "vnp_TransactionStatus": "00",
    "vnp_TxnRef": "1716257871703",
    "vnp_ResponseCode": "00",
}
SIGNATURE = (
    "649982421beb422556a1374713c74e58e716ecbd05007c0c0e1f7effdfaf361d"
    "bf146889ca446139afe11b9954c4d5c486e99e3b86fcfab6957f29eb0be72895"
)
GATEWAY = VNPay("https://gateway.test/pay", "TEST_TMN_CODE", "test_secret", "https://us.test/back")


def test_the_published_vector() -> None:
    assert vnpay.sign(VECTOR, secret="test_secret") == SIGNATURE
    assert vnpay.is_genuine(VECTOR | {"vnp_SecureHash": SIGNATURE}, secret="test_secret")
    assert vnpay.is_genuine(VECTOR | {"vnp_SecureHash": SIGNATURE.upper()}, secret="test_secret")


def test_the_vector_is_read_as_a_message() -> None:
    message = GATEWAY.read(VECTOR | {"vnp_SecureHash": SIGNATURE})
    assert (message.reference, message.amount, message.successful) == ("1716257871703", 10_000, True)
    assert message.paid_at == datetime(2024, 5, 21, 2, 18, 6, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(VECTOR))
def test_any_field_changed_or_left_out_is_forged(name: str) -> None:
    signed = VECTOR | {"vnp_SecureHash": SIGNATURE}
    for changed in (signed | {name: signed[name] + "1"}, {k: v for k, v in signed.items() if k != name}):
        with pytest.raises(ForgedMessageError):
            GATEWAY.read(changed)


def test_the_older_signature_and_none_are_refused() -> None:
    old = hashlib.sha256(("test_secret" + vnpay.query(VECTOR)).encode()).hexdigest()
    for hashed in ({"vnp_SecureHash": old, "vnp_SecureHashType": "SHA256"}, {"vnp_SecureHash": ""}, {}):
        assert not vnpay.is_genuine(VECTOR | hashed, secret="test_secret")


@given(
    st.dictionaries(
        st.text("abcXYZ_09", min_size=1, max_size=8).map("vnp_".__add__),
        st.text(min_size=1, max_size=20),
        max_size=8,
    )
)
def test_the_signature_is_that_of_a_second_writing(params: dict[str, str]) -> None:
    params = {k: v.encode("utf-8", "ignore").decode() for k, v in params.items()}
    params = {k: v for k, v in params.items() if v and k not in ("vnp_SecureHash", "vnp_SecureHashType")}
    text = "&".join(quote_plus(k) + "=" + quote_plus(params[k]) for k in sorted(params))
    expected = hmac.new(b"s", text.encode(), hashlib.sha512).hexdigest()
    assert vnpay.sign(params, secret="s") == expected
    assert dict(parse_qsl(vnpay.signed_query(params, secret="s"))) == params | {"vnp_SecureHash": expected}


def _message(**change: str) -> dict[str, str]:
    params = {k: v for k, v in (VECTOR | change).items() if v}
    return params | {"vnp_SecureHash": vnpay.sign(params, secret="test_secret")}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"vnp_TmnCode": "ANOTHER"}, "vnp_TmnCode"),
        ({"vnp_TxnRef": ""}, "vnp_TxnRef"),
        ({"vnp_TxnRef": "a b"}, "vnp_TxnRef"),
        ({"vnp_Amount": "1050"}, "vnp_Amount"),
        ({"vnp_Amount": "-100"}, "vnp_Amount"),
        ({"vnp_Amount": "1e9"}, "vnp_Amount"),
        ({"vnp_ResponseCode": ""}, "vnp_ResponseCode"),
        ({"vnp_TransactionNo": ""}, "vnp_TransactionNo"),
    ],
)
def test_a_genuine_message_that_cannot_be_read_names_the_field(change: dict[str, str], named: str) -> None:
    with pytest.raises(UnreadableMessageError, match=named):
        GATEWAY.read(_message(**change))


def test_a_success_of_half_its_words_is_none() -> None:
    assert not GATEWAY.read(_message(vnp_TransactionStatus="02")).successful
    assert GATEWAY.read(_message(vnp_PayDate="soon")).paid_at is None


def test_the_redirect_is_signed_and_says_a_hundred_times_the_amount() -> None:
    at = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    order = Order("TS1", 305_230, "Thanh toan tien dien TS1", at, at + timedelta(minutes=15))
    parts = urlsplit(GATEWAY.redirect_url(order))
    params = dict(parse_qsl(parts.query))
    assert vnpay.is_genuine(params, secret="test_secret")
    assert (params["vnp_Amount"], params["vnp_Version"], params["vnp_CurrCode"]) == (
        "30523000",
        "2.1.0",
        "VND",
    )
    assert (params["vnp_CreateDate"], params["vnp_ExpireDate"]) == ("20261123090000", "20261123091500")
    assert "vnp_OrderInfo=Thanh+toan" in parts.query
    assert [k for k, _ in parse_qsl(parts.query)][:-1] == sorted(params)[:-1] or "vnp_SecureHash" in params


def test_every_verdict_has_an_answer_and_only_unreadable_asks_again() -> None:
    codes = {
        verdict: GATEWAY.answer(verdict)["RspCode"] for verdict in Verdict if verdict is not Verdict.SHOWN
    }
    assert set(codes.values()) == {"00", "01", "02", "04", "97", "99"}
    assert [v for v, code in codes.items() if code == "99"] == [Verdict.UNREADABLE]
