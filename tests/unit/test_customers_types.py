"""The rules of codes, numbers, phones and folded text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thapsang.domain.customers import types


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("0912 345 678", "+84912345678"),
        ("+84 912345678", "+84912345678"),
        ("84912345678", "+84912345678"),
        ("0238 3844 000", "+842383844000"),
    ],
)
def test_phones_become_e164(typed: str, stored: str) -> None:
    assert types.normalise_phone(typed) == stored


@pytest.mark.parametrize("typed", ["", "abc", "12345", "0112345678", "+1 202 555 0143", "09123456789"])
def test_what_is_no_vietnamese_phone_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(types.InvalidValueError) as caught:
        types.normalise_phone(typed)
    assert caught.value.field == "phone"
    assert not typed or typed not in str(caught.value)


def test_a_cccd_is_twelve_digits_of_a_known_province() -> None:
    assert types.check_cccd("087 084 000 999") == "087084000999"
    for wrong in ("08708400099", "0870840009999", "000084000999", "097084000999", "08708400099x"):
        with pytest.raises(types.InvalidValueError, match=r"căn cước|mã tỉnh"):
            types.check_cccd(wrong)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("0100233488", "0100233488"),
        ("0100100079", "0100100079"),
        ("0314409058-002", "0314409058-002"),
        ("0314409058 002", "0314409058-002"),
        ("087084000999", "087084000999"),
    ],
)
def test_tax_codes(typed: str, stored: str) -> None:
    assert types.check_tax_code(typed) == stored


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("0100233480", "số kiểm tra"),
        ("0100100080", "số kiểm tra"),
        ("12345", "10 số"),
        ("0314409058-000", "10 số"),
        ("000084000999", "căn cước"),
    ],
)
def test_wrong_tax_codes_say_what_is_wrong(typed: str, message: str) -> None:
    with pytest.raises(types.InvalidValueError, match=message):
        types.check_tax_code(typed)


def test_customer_codes() -> None:
    assert types.check_customer_code(" pa13vh 0001234 ") == "PA13VH0001234"
    assert types.check_customer_code("PM01020001234") == "PM01020001234"
    for wrong in ("PA13VH123456", "PA13VH12345678", "PX13VH0001234", "PA1XVH0001234", "PA13VHABCDEFG"):
        with pytest.raises(types.InvalidValueError, match="13 ký tự"):
            types.check_customer_code(wrong)


@given(st.text(alphabet="áàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệđĐÂỆừỡỳỹÝbckmn /.-", max_size=30))
def test_folding_leaves_only_plain_letters_of_vietnamese(text: str) -> None:
    folded = types.fold(text)
    assert folded.isascii() and folded == folded.lower()
    assert types.fold(unicodedata.normalize("NFD", text)) == folded
    assert types.fold_words(folded) == types.fold_words(text)


def test_names_are_masked() -> None:
    assert types.masked_name("Nguyễn Văn An") == "Nguyễn V. A."
    assert types.masked_name("An") == "An"
    assert types.masked_phone("+84912345678").endswith("678")
    assert types.masked_email("an@vi.vn") == "a•••@vi.vn"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Lan.Nguyen@Example.VN ", "lan.nguyen@example.vn"), ("a+b'c@x.y-z.com", "a+b'c@x.y-z.com"),
        ("1@2.vn", "1@2.vn"),
    ],
)  # fmt: skip
def test_an_address_is_kept_in_one_way(typed: str, kept: str) -> None:
    assert types.normalise_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "", "an", "an@vn", "an@@vi.vn", "an@vi..vn", ".an@vi.vn", "an.@vi.vn", "a n@vi.vn", "a,b@vi.vn", "<an@vi.vn>",
        "an@vi.vn\nBcc: x@y.vn", "an@-vi.vn", "an@vi-.vn", "đức@vi.vn", "an@điện.vn", '"an"@vi.vn', "a" * 65 + "@vi.vn",
        "a@" + "b" * 64 + ".vn", "a@" + "b.".join(["c" * 60] * 5) + ".vn",
    ],
)  # fmt: skip
def test_an_address_that_could_name_others_or_nobody_is_refused(typed: str) -> None:
    with pytest.raises(types.InvalidValueError) as refused:
        types.normalise_email(typed)
    assert refused.value.field == "email" and (not typed or typed not in str(refused.value))
