"""E-invoices of the tax authority's layout 2.1.0: written, signed, validated, verified. No database, no network."""

from thapsang.engines.einvoice.errors import EInvoiceError, InvoiceError, KeyFileError, UnreadableError
from thapsang.engines.einvoice.filing import prepare, seller_code, with_signature
from thapsang.engines.einvoice.keys import (
    CertificateFacts,
    Pkcs12Key,
    Signer,
    SoftwareSigner,
    certificate_facts,
    check_may_sign,
    read_pkcs12,
)
from thapsang.engines.einvoice.model import (
    LAYOUT,
    Buyer,
    Dispatch,
    Extra,
    Invoice,
    Line,
    LineKind,
    RateTotal,
    Related,
    RelationKind,
    Seller,
    invoice_key,
)
from thapsang.engines.einvoice.problems import Problem
from thapsang.engines.einvoice.signing import sign, sign_batch, sign_many, signature
from thapsang.engines.einvoice.validating import validate
from thapsang.engines.einvoice.verifying import Verdict, verify
from thapsang.engines.einvoice.words import in_words, same_words
from thapsang.engines.einvoice.writing import Draft, bare, draft, envelope, hdon

__all__ = [
    "LAYOUT",
    "Buyer",
    "CertificateFacts",
    "Dispatch",
    "Draft",
    "EInvoiceError",
    "Extra",
    "Invoice",
    "InvoiceError",
    "KeyFileError",
    "Line",
    "LineKind",
    "Pkcs12Key",
    "Problem",
    "RateTotal",
    "Related",
    "RelationKind",
    "Seller",
    "Signer",
    "SoftwareSigner",
    "UnreadableError",
    "Verdict",
    "bare",
    "certificate_facts",
    "check_may_sign",
    "draft",
    "envelope",
    "hdon",
    "in_words",
    "invoice_key",
    "prepare",
    "read_pkcs12",
    "same_words",
    "seller_code",
    "sign",
    "sign_batch",
    "sign_many",
    "signature",
    "validate",
    "verify",
    "with_signature",
]
