"""The cipher of personal data: round trips, purposes, keys, refusals."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thapsang.kit.privacy import cipher

ONE, TWO = base64.b64encode(b"1" * 32).decode(), base64.b64encode(b"2" * 32).decode()


@given(st.text(), st.sampled_from(["phone", "email", "id-number"]))
def test_what_goes_in_comes_out(text: str, purpose: str) -> None:
    assert cipher.decrypt(cipher.encrypt(text, purpose=purpose), purpose=purpose) == text


@given(st.lists(st.none() | st.text(max_size=20)))
def test_a_column_is_each_of_its_values(texts: list[str | None]) -> None:
    sealed = cipher.encrypt_many(texts, purpose="phone")
    assert cipher.decrypt_many(sealed, purpose="phone") == texts
    assert cipher.blind_index_many(texts, purpose="phone") == [
        None if t is None else cipher.blind_index(t, purpose="phone") for t in texts
    ]


def test_the_same_value_never_looks_the_same_twice() -> None:
    assert len({cipher.encrypt("+84900000000", purpose="phone") for _ in range(100)}) == 100


def test_another_purpose_does_not_open_it() -> None:
    with pytest.raises(cipher.CipherError, match="does not open as id-number"):
        cipher.decrypt(cipher.encrypt("x", purpose="phone"), purpose="id-number")


def test_every_changed_byte_is_noticed() -> None:
    sealed = cipher.encrypt("+84900000000", purpose="phone")
    for place in range(len(sealed)):
        broken = bytearray(sealed)
        broken[place] ^= 1
        with pytest.raises(cipher.CipherError) as caught:
            cipher.decrypt(bytes(broken), purpose="phone")
        assert "+849" not in str(caught.value)


def test_the_last_key_encrypts_and_the_earlier_still_read(settings) -> None:
    settings.DATA_KEYS = f"1:{ONE}"
    old = cipher.encrypt("x", purpose="phone")
    settings.DATA_KEYS = f"1:{ONE},7:{TWO}"
    new = cipher.encrypt("x", purpose="phone")
    assert (cipher.key_number(old), cipher.key_number(new)) == (1, 7)
    assert cipher.decrypt(old, purpose="phone") == cipher.decrypt(new, purpose="phone") == "x"
    settings.DATA_KEYS = f"7:{TWO}"
    with pytest.raises(cipher.CipherError, match="Key number 1 is not configured"):
        cipher.decrypt(old, purpose="phone")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("", "entry 1"), (f"1:{ONE},", "entry 2"), (f"0:{ONE}", "entry 1"), (f"70000:{ONE}", "entry 1"),
        (f"1:{ONE},1:{TWO}", "twice"), ("1:short", "base64"), ("1:c2hvcnQ=", "5 bytes"),
        (f"x:{ONE}", "entry 1"),
    ],
)  # fmt: skip
def test_a_malformed_key_is_named_but_not_shown(settings, keys: str, message: str) -> None:
    settings.DATA_KEYS = keys
    with pytest.raises(cipher.DataKeyError, match=message) as caught:
        cipher.encrypt("x", purpose="phone")
    assert ONE not in str(caught.value)


def test_the_index_depends_on_purpose_and_key(settings) -> None:
    first = cipher.blind_index("x", purpose="phone")
    assert first == cipher.blind_index("x", purpose="phone") and len(first) == 16
    assert first != cipher.blind_index("x", purpose="email")
    settings.INDEX_KEY = TWO
    assert first != cipher.blind_index("x", purpose="phone")


def test_the_default_keys_have_32_bytes() -> None:
    from thapsang.config import settings as ours

    assert cipher.parse_data_keys(ours.DEFAULT_DATA_KEYS).newest == 1
    assert len(base64.b64decode(ours.DEFAULT_INDEX_KEY)) == 32


def test_a_new_key_is_good() -> None:
    assert cipher.parse_data_keys(f"2:{cipher.new_key()}").newest == 2
    assert cipher.new_key() != cipher.new_key()
