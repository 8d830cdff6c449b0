"""VietQR codes: the published vectors, what is malformed, and every code we write read back."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thapsang.engines.qr import QrError, Transfer, crc16, decode, encode, fields_of
from thapsang.engines.qr.tlv import seal

# NAPAS, QR format for transfers, 6.1.1 to 6.1.4
ACCOUNT_MALFORMED = (
    "00020101021138570010A00000072701270006970403011200110123456780208QRIBFTTA53037045802VN6304F4E5"
)
CARD = "00020101021138600010A00000072701300006970403011697040311012345670208QRIBFTTC53037045802VN63044F52"
DYNAMIC = (
    "00020101021238570010A00000072701270006970403011300110123456780208QRIBFTTA530370454061800005802VN"
    "62340107NPS68690819thanh toan don hang63042E2E"
)
OTHER_MAKER = (
    "00020101021238570010A000000727012700069704220113" "71045208946240208QRIBFTTA5303704540430005802VN"
    "62180814TT1BQG8F khanh6304D4F6"
)  # fmt: skip


def test_the_crc_has_its_published_check_value() -> None:
    assert crc16("123456789") == "29B1"


@pytest.mark.parametrize(
    ("text", "transfer"),
    [
        (CARD, Transfer("970403", "9704031101234567", to_card=True)),
        (
            DYNAMIC,
            Transfer("970403", "0011012345678", 180_000, bill="NPS6869", purpose="thanh toan don hang"),
        ),
        (OTHER_MAKER, Transfer("970422", "7104520894624", 3_000, purpose="TT1BQG8F khanh")),
    ],
)
def test_published_codes_are_read_and_written_to_the_letter(text: str, transfer: Transfer) -> None:
    assert decode(text) == transfer
    assert encode(transfer) == text


def test_the_published_code_with_a_wrong_length_inside_is_refused_though_its_crc_is_right() -> None:
    assert crc16(ACCOUNT_MALFORMED[:-4]) == ACCOUNT_MALFORMED[-4:]
    with pytest.raises(QrError, match="38-01"):
        decode(ACCOUNT_MALFORMED)


def _body(**change: str) -> str:
    fields = {"00": "01", "01": "12", "38": "0010A00000072701270006970403011300110123456780208QRIBFTTA", "53": "704",
              "54": "180000", "58": "VN"} | {k.strip("f"): v for k, v in change.items()}  # fmt: skip
    return seal("".join(f"{tag}{len(value):02d}{value}" for tag, value in fields.items() if value))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "CRC"),
        (DYNAMIC[:-1] + "F", "CRC"),
        (DYNAMIC.replace("180000", "190000"), "CRC"),
        (DYNAMIC[:-8], "63"),
        (_body(f00="02"), "00"),
        (_body(f01="22"), "01"),
        (_body(f53="840"), "53"),
        (_body(f58="US"), "58"),
        (_body(f54="12.5"), "54"),
        (_body(f38=""), "38"),
        (_body(f38="0010A00000072801270006970403011300110123456780208QRIBFTTA"), "NAPAS"),
        (_body(f38="0010A00000072701270006970403011300110123456780208QRIBFTTX"), "38-02"),
        (_body(f38="0010A000000727010700031230208QRIBFTTA"), "38-01"),
        (seal("000201000201"), "twice"),
        (seal("0002"), "00"),
        (seal("00x201"), "two digits"),
        (seal("0099ab"), "99"),
    ],
)
def test_a_malformed_code_is_refused_and_the_place_named(text: str, named: str) -> None:
    with pytest.raises(QrError, match=named):
        decode(text)


@pytest.mark.parametrize(
    "transfer",
    [
        Transfer("97040", "1"),
        Transfer("970403", ""),
        Transfer("970403", "1" * 20),
        Transfer("970403", "1", 0),
        Transfer("970403", "1", 10**13),
        Transfer("970403", "1", 1, bill="x" * 26),
        Transfer("970403", "1", 1, purpose="tiền điện"),
    ],
)
def test_what_does_not_fit_the_format_is_not_written(transfer: Transfer) -> None:
    with pytest.raises(QrError):
        encode(transfer)


_word = st.text(string.ascii_letters + string.digits + " ./-", max_size=25)
transfers = st.builds(
    Transfer,
    bank=st.text(string.digits, min_size=6, max_size=6),
    account=st.text(string.ascii_letters + string.digits, min_size=1, max_size=19),
    amount=st.none() | st.integers(1, 10**13 - 1),
    bill=_word,
    purpose=_word,
    to_card=st.booleans(),
)


@given(transfers)
def test_every_code_written_is_read_back(transfer: Transfer) -> None:
    assert decode(encode(transfer)) == transfer


@given(transfers, st.data())
def test_one_letter_changed_is_never_read_as_something_else(transfer: Transfer, data: st.DataObject) -> None:
    text = encode(transfer)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(
        st.sampled_from(string.ascii_letters + string.digits).filter(lambda c: c != text[place])
    )
    with pytest.raises(QrError):
        decode(text[:place] + letter + text[place + 1 :])


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else_happens(text: str) -> None:
    try:
        fields_of(text)
        decode(text)
    except QrError:
        pass
