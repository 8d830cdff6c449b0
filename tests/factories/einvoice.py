"""Invented sellers, buyers, keys and invoices. Nobody here exists."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

from thapsang.engines.einvoice import (
    Buyer,
    Extra,
    Invoice,
    Line,
    RateTotal,
    Seller,
    SoftwareSigner,
)
from thapsang.engines.money import share

SELLER_CODE = "9900000104"
"""Invented; its check digit is right."""
PASSWORD = b"mat-khau-thu"
SIGNED_AT = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)

SELLER = Seller(
    name="Công ty Điện lực Thử Nghiệm & Trình Diễn",
    tax_code=SELLER_CODE,
    address="Số 1 đường Ví Dụ, phường Trường Vinh, tỉnh Nghệ An",
    phone="19000000",
    bank_account="000000000001",
    bank_name="Ngân hàng Thử Nghiệm",
)
BUYER = Buyer(
    customer_code="PA13VH0000001",
    name="Nguyễn Thị Ví Dụ",
    address="Xóm 1, xã Thử Nghiệm, tỉnh Nghệ An",
    id_number="040190000001",
)


def lines(count: int = 3) -> tuple[Line, ...]:
    made = ((50, 1984), (50, 2050), (100, 2380), (100, 2998), (100, 3350), (50, 3460))
    return tuple(
        Line(
            name=f"Điện sinh hoạt bậc {tier}", unit="kWh", quantity=kwh, price=price, amount=kwh * price,
            vat_rate="8%",
        )
        for tier, (kwh, price) in enumerate(made[:count], 1)
    )  # fmt: skip


def invoice(**changes: Any) -> Invoice:
    items = changes.pop("lines", lines())
    if "totals" not in changes:
        net = sum(line.amount or 0 for line in items)
        changes["totals"] = (RateTotal("8%", net, share(net, 800) if net >= 0 else -share(-net, 800)),)
    given: dict[str, Any] = {
        "seller": SELLER,
        "buyer": BUYER,
        "lines": items,
        "series": "C26TNA",
        "number": 75757,
        "issued_on": date(2026, 11, 23),
        "provider_tax_code": SELLER_CODE,
        "extras": (Extra("Kỳ hóa đơn", "2026-10"), Extra("Mã hóa đơn nội bộ", "HD2610-000000123")),
        **changes,
    }
    return Invoice(**given)


@lru_cache(maxsize=4)
def key(number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def certificate(
    private: Any,
    *,
    tax_code: str = SELLER_CODE,
    valid_from: datetime = SIGNED_AT - timedelta(days=100),
    valid_until: datetime = SIGNED_AT + timedelta(days=200),
    issuer: tuple[x509.Name, Any] | None = None,
) -> x509.Certificate:
    parts = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Công ty Điện lực Thử Nghiệm & Trình Diễn"),
    ]
    if tax_code:
        parts.append(x509.NameAttribute(NameOID.USER_ID, f"MST:{tax_code}"))
    subject = x509.Name(parts)
    name, issuing = issuer or (subject, private)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_until)
        .sign(issuing, SHA256())
    )


def signer(number: int = 0, **facts: Any) -> SoftwareSigner:
    private = key(number)
    return SoftwareSigner(private, certificate(private, **facts).public_bytes(Encoding.DER))


def pkcs12_file(number: int = 0, **facts: Any) -> bytes:
    private = key(number)
    return pkcs12.serialize_key_and_certificates(
        b"thu", private, certificate(private, **facts), None, BestAvailableEncryption(PASSWORD)
    )


def sign_with(number: int = 0) -> tuple[SoftwareSigner, bytes]:
    """A signer, and its certificate as PEM."""
    cert = certificate(key(number))
    return SoftwareSigner(key(number), cert.public_bytes(Encoding.DER)), cert.public_bytes(Encoding.PEM)
