"""Tag-length-value fields and the closing CRC of EMVCo QR codes."""

from __future__ import annotations

_POLYNOMIAL = 0x1021
_CRC_FIELD = "6304"


class QrError(ValueError):
    """The text is not a valid code; the message says where and why."""


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = (value << 1) ^ _POLYNOMIAL if value & 0x8000 else value << 1
        table.append(value & 0xFFFF)
    return tuple(table)


_TABLE = _crc_table()


def crc16(text: str) -> str:
    """Return CRC-16/CCITT-FALSE of `text` (UTF-8) as four upper-case hexadecimal digits.

    Polynomial 1021, start FFFF, no reflection; `crc16("123456789")` is `29B1`. Source: EMVCo, annex A.
    """
    value = 0xFFFF
    for byte in text.encode():
        value = ((value << 8) & 0xFFFF) ^ _TABLE[(value >> 8) ^ byte]
    return f"{value:04X}"


def field(tag: str, value: str) -> str:
    """Write one field. Raises QrError when the value is empty or longer than 99 characters."""
    if not 1 <= len(value) <= 99:
        raise QrError(f"Field {tag} has {len(value)} characters; 1 to 99 are allowed.")
    return f"{tag}{len(value):02d}{value}"


def fields_of(text: str, *, within: str = "") -> dict[str, str]:
    """Split `text` into its fields, strictly: no rest, no field twice, lengths in digits.

    `within` is the tag these fields stand in, for the message. Raises QrError.
    """
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        tag, size = text[position : position + 2], text[position + 2 : position + 4]
        if len(size) < 2 or not (tag + size).isascii() or not (tag + size).isdigit():
            raise QrError(
                f"At character {position} of {_where(within)}: tag and length need two digits each."
            )
        value = text[position + 4 : position + 4 + int(size)]
        if len(value) != int(size) or not value:
            place = _where(within)
            raise QrError(f"Field {tag} of {place} says {int(size)} characters, but {len(value)} follow.")
        if tag in found:
            raise QrError(f"Field {tag} stands twice in {_where(within)}.")
        found[tag] = value
        position += 4 + int(size)
    return found


def _where(within: str) -> str:
    return f"field {within}" if within else "the code"


def seal(body: str) -> str:
    """Close a code with its CRC field."""
    return body + _CRC_FIELD + crc16(body + _CRC_FIELD)


def unseal(text: str) -> str:
    """Return a code without its CRC field. Raises QrError when it is missing or wrong."""
    body, mark, given = text[:-8], text[-8:-4], text[-4:]
    if mark != _CRC_FIELD:
        raise QrError("The code does not end with field 63 (CRC): part of it is missing.")
    expected = crc16(body + _CRC_FIELD)
    if given != expected:
        raise QrError(f"The CRC is {given}, the content gives {expected}: the code was changed or misread.")
    return body
