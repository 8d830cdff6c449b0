"""VietQR: the EMVCo merchant-presented code as NAPAS defines it for transfers inside Viet Nam.

A code is a string of tag-length-value fields closed by a CRC. `encode` writes a dynamic transfer code,
`decode` reads any VietQR transfer code and refuses what is malformed.
"""

from thapsang.engines.qr.tlv import QrError, crc16, fields_of
from thapsang.engines.qr.vietqr import Transfer, decode, encode

__all__ = ["QrError", "Transfer", "crc16", "decode", "encode", "fields_of"]
