"""Is an invoice genuine? Our own verification of the seller's XML signature.

Strict where signatures are attacked: what is digested is the DLHDon found by its place in the file, not by
looking its Id up, and every Id stands once, so nothing can be wrapped; only RSA with SHA-256 and the two
canonical forms are taken; no DTD, no network. Signatures of other software are read too (default namespace,
inclusive form, no signing time) as long as they sign the DLHDon.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256 as SHA256_HASH

from thapsang.engines.einvoice import signing
from thapsang.engines.einvoice.c14n import EXCLUSIVE, INCLUSIVE, canonical
from thapsang.engines.einvoice.errors import EInvoiceError, UnreadableError
from thapsang.engines.einvoice.keys import (
    SMALLEST_KEY,
    CertificateFacts,
    certificate_facts,
    load_certificate,
    same_taxpayer,
)
from thapsang.engines.einvoice.model import invoice_key
from thapsang.engines.einvoice.tree import LARGEST_FILE, Node, read

ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_FORMS = {EXCLUSIVE, INCLUSIVE}
_AGAIN = "Get the file again from its issuer, or ask them about it; do not book it."
_NOT_CHECKED = "Give the issuer's certificate (--trust) to be sure who signed."


@dataclass(frozen=True)
class Verdict:
    """What verification found. `cause` is `genuine` or a short code of what is wrong; see docs/domain/invoices.md."""

    genuine: bool
    cause: str
    message: str
    remedy: str = ""
    key: str = ""
    """MST|KHMSHDon|KHHDon|SHDon of the invoice, when it could be read."""
    signer: CertificateFacts | None = None
    signed_at: datetime | None = None
    trusted: bool = False
    """The certificate is one of those given, or issued directly by one of them."""


class _Refused(Exception):
    def __init__(self, cause: str, message: str, remedy: str = _AGAIN) -> None:
        self.cause, self.message, self.remedy = cause, message, remedy
        super().__init__(message)


@dataclass
class _Case:
    """One HDon under examination."""

    hdon: Node
    body: Node = field(init=False)
    signature: Node = field(init=False)
    certificate: bytes = b""
    signed_at: datetime | None = None
    key: str = ""


def verify(data: bytes, *, trusted: Sequence[bytes] = (), largest: int = LARGEST_FILE) -> list[Verdict]:
    """Return a verdict on each invoice of a file (one for a bare HDon, as many as a TDiep carries).

    `trusted` are DER certificates: the signer's own, or the one that issued it directly. Without any, a genuine
    verdict says the content is whole under the certificate inside, not whose that is. Never raises for what
    the file holds: an unreadable one gives one verdict naming the cause.
    """
    try:
        root = read(data, largest=largest)
        _unique_ids(root)
        invoices = invoices_in(root)
    except UnreadableError as error:
        return [Verdict(False, error.cause, f"{error.element} {error.problem}", error.remedy)]
    except _Refused as refused:
        return [Verdict(False, refused.cause, refused.message, refused.remedy)]
    return [_judge(_Case(hdon), trusted) for hdon in invoices]


def invoices_in(root: Node) -> list[Node]:
    """Return the HDon elements of a file: the root, or those in TDiep/DLieu.

    Raises UnreadableError with the cause wrong-root or no-invoice.
    """
    if root.name == "HDon":
        return [root]
    if root.name != "TDiep":
        raise UnreadableError(
            "wrong-root",
            "is neither HDon nor TDiep.",
            "This is not the layout 2.1.0: ask for that file.",
            root.local,
        )
    found = [hdon for content in root.elements("DLieu") for hdon in content.elements("HDon")]
    if not found:
        raise UnreadableError(
            "no-invoice", "carries no HDon in DLieu.", "This message holds no invoice.", "TDiep"
        )
    return found


def _judge(case: _Case, trusted: Sequence[bytes]) -> Verdict:
    try:
        _find_parts(case)
        facts = _check_signature(case)
        _check_signer(case, facts)
        known = _is_trusted(case.certificate, trusted)
    except _Refused as refused:
        return Verdict(False, refused.cause, refused.message, refused.remedy, case.key)
    except EInvoiceError as error:
        return Verdict(False, "certificate", f"{error.element} {error.problem}", error.remedy, case.key)
    if trusted and not known:
        return Verdict(
            False, "untrusted", f"Whole, but signed by {facts.subject}, whom nobody here trusts.",
            "Ask the issuer for their certificate; until then do not book it.", case.key, facts, case.signed_at,
        )  # fmt: skip
    return Verdict(
        True, "genuine", f"Unchanged since it was signed by {facts.subject}.",
        "" if known else _NOT_CHECKED, case.key, facts, case.signed_at, known,
    )  # fmt: skip


def _unique_ids(root: Node) -> None:
    seen: set[str] = set()
    for node in root.walk():
        for name, value in node.attributes:
            if name.rpartition(":")[2].lower() == "id":
                if value in seen:
                    raise _Refused(
                        "duplicate-id",
                        f"The Id {value!r} stands more than once: an attack, or a broken program.",
                    )
                seen.add(value)


def _find_parts(case: _Case) -> None:
    known = {"DLHDon", "DLQRCode", "MCCQT", "DSCKS"}
    names = [node.name for node in case.hdon.elements()]
    if names.count("DLHDon") != 1:
        raise _Refused("no-content", f"HDon has {names.count('DLHDon')} DLHDon; one is signed.")
    strange = [name for name in names if name not in known or names.count(name) > 1]
    if strange:
        raise _Refused(
            "unsigned-content", f"{strange[0]} beside DLHDon is in no signature and not in the layout."
        )
    case.body = case.hdon.elements("DLHDon")[0]
    head = case.body.at("TTChung") or case.body
    case.key = invoice_key(
        case.body.value("NDHDon/NBan/MST"), head.value("KHMSHDon"), head.value("KHHDon"), head.value("SHDon")
    )
    places = [place for group in case.hdon.elements("DSCKS") for place in group.elements("NBan")]
    signatures = [found for place in places for found in place.elements("Signature", signing.DS)]
    if not signatures:
        raise _Refused("unsigned", "There is no signature of the seller (DSCKS/NBan/Signature).")
    if len(signatures) > 1 or len(places) > 1:
        raise _Refused("several-signatures", "The seller's place holds more than one signature.")
    case.signature = signatures[0]


def _check_signature(case: _Case) -> CertificateFacts:
    info = _only(case.signature, "SignedInfo")
    _only_algorithm(info, "SignatureMethod", {signing.RSA_SHA256})
    form = _only_algorithm(info, "CanonicalizationMethod", _FORMS)
    references = info.elements("Reference", signing.DS)
    _check_references(case, references)
    case.certificate = _certificate(case.signature)
    public = load_certificate(case.certificate).public_key()
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size < SMALLEST_KEY:
        raise _Refused("weak-key", f"The key is not RSA of {SMALLEST_KEY} bits or more.")
    value = _decoded(_only(case.signature, "SignatureValue"))
    try:
        public.verify(value, canonical(info, form), padding.PKCS1v15(), SHA256_HASH())
    except InvalidSignature:
        raise _Refused(
            "forged",
            "The signature was not made by the key of its certificate, or what it signs was changed.",
        ) from None
    return certificate_facts(case.certificate)


def _check_references(case: _Case, references: list[Node]) -> None:
    body_id = case.body.get("Id")
    targets = [reference.get("URI") for reference in references]
    if not body_id or targets.count(f"#{body_id}") != 1:
        raise _Refused(
            "reference-elsewhere",
            f"The signature is over {', '.join(str(t) for t in targets) or 'nothing'}, "
            f"not over this DLHDon (#{body_id}).",
        )
    objects = {f"#{node.get('Id')}": node for node in case.signature.elements("Object", signing.DS)}
    for reference, target in zip(references, targets, strict=True):
        if target == f"#{body_id}":
            _check_digest(reference, case.body, case.signature, "DLHDon")
        elif target in objects:
            _check_digest(reference, objects[target], None, "the signing time")
            case.signed_at = _signing_time(objects[target]) or case.signed_at
        else:
            raise _Refused(
                "reference-elsewhere", f"The signature also covers {target}, which is not of this invoice."
            )


def _check_digest(reference: Node, signed: Node, signature: Node | None, what: str) -> None:
    _only_algorithm(reference, "DigestMethod", {signing.SHA256})
    form = INCLUSIVE
    transforms = [t for group in reference.elements("Transforms", signing.DS) for t in group.elements()]
    for transform in transforms:
        algorithm = transform.get("Algorithm") or ""
        if algorithm in _FORMS and not transform.elements():
            form = algorithm
        elif algorithm != ENVELOPED:
            raise _Refused("algorithm", f"The transform {algorithm or 'without a name'} is not taken.")
    if len(transforms) > 2:
        raise _Refused("algorithm", f"{len(transforms)} transforms stand where one or two do.")
    given = _decoded(_only(reference, "DigestValue"))
    found = hashlib.sha256(canonical(signed, form, without=signature)).digest()
    if not hmac.compare_digest(given, found):
        raise _Refused("altered", f"Changed after signing: the digest of {what} is another one.")


def _check_signer(case: _Case, facts: CertificateFacts) -> None:
    if case.signed_at is not None and not facts.covers(case.signed_at):
        raise _Refused(
            "certificate-time",
            f"Signed on {case.signed_at:%Y-%m-%d}, outside the certificate's time "
            f"({facts.valid_from:%Y-%m-%d} to {facts.valid_until:%Y-%m-%d}).",
        )
    seller = case.body.value("NDHDon/NBan/MST")
    if facts.tax_code and not same_taxpayer(facts.tax_code, seller):
        raise _Refused(
            "other-signer", f"The certificate is of tax code {facts.tax_code}, the seller is {seller}."
        )


def _is_trusted(certificate: bytes, trusted: Sequence[bytes]) -> bool:
    signed_with = load_certificate(certificate)
    for der in trusted:
        if der == certificate:
            return True
        try:
            signed_with.verify_directly_issued_by(load_certificate(der))
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False


def _signing_time(held: Node) -> datetime | None:
    for node in held.walk():
        if node.local == "SigningTime":
            try:
                found = datetime.fromisoformat(node.value().strip())
            except ValueError:
                raise _Refused("signature-shape", "SigningTime is no moment.") from None
            # Other software writes Vietnam's time without saying so.
            return found if found.tzinfo else found.replace(tzinfo=_VIETNAM)
    return None


def _certificate(signature: Node) -> bytes:
    node = signature.at("KeyInfo/X509Data/X509Certificate")
    if node is None:
        raise _Refused("certificate", "The signature carries no certificate (X509Certificate).")
    return _decoded(node)


def _only(node: Node, local: str) -> Node:
    found = node.elements(local, signing.DS)
    if len(found) != 1:
        raise _Refused("signature-shape", f"{node.local} has {len(found)} {local}; one belongs there.")
    return found[0]


def _only_algorithm(node: Node, local: str, taken: set[str]) -> str:
    method = _only(node, local)
    algorithm = method.get("Algorithm") or ""
    if algorithm not in taken or method.elements():
        raise _Refused(
            "algorithm", f"{local} {algorithm or 'without a name'} is not taken: too weak, or unknown here."
        )
    return algorithm


def _decoded(node: Node) -> bytes:
    try:
        return b64decode("".join(node.value().split()), validate=True)
    except ValueError:
        raise _Refused("signature-shape", f"{node.local} is not base64.") from None
