"""Changing the customer register. Every function demands a transaction; `at` and the actor are given."""

from thapsang.domain.customers.operations.agreements import (
    AgreementOverlapError,
    TermsError,
    change_terms,
    close_agreement,
    open_agreement,
)
from thapsang.domain.customers.operations.contacts import (
    ContactPointMissingError,
    add_contact_point,
    add_note,
    choose_language,
    confirm_email,
    grant_consent,
    remove_email,
    verify_contact_point,
    verify_phone,
    withdraw_consent,
)
from thapsang.domain.customers.operations.correcting import correct_terms
from thapsang.domain.customers.operations.register import (
    CodeTakenError,
    create_customer,
    create_premises,
    create_supply_point,
    next_customer_code,
)

__all__ = [
    "AgreementOverlapError",
    "CodeTakenError",
    "ContactPointMissingError",
    "TermsError",
    "add_contact_point",
    "add_note",
    "change_terms",
    "choose_language",
    "close_agreement",
    "confirm_email",
    "correct_terms",
    "create_customer",
    "create_premises",
    "create_supply_point",
    "grant_consent",
    "next_customer_code",
    "open_agreement",
    "remove_email",
    "verify_contact_point",
    "verify_phone",
    "withdraw_consent",
]
