"""Reading the customer register. Nothing here writes."""

from thapsang.domain.customers.queries.consenting import (
    ConsentText,
    ConsentTextError,
    consent_texts,
    consented_emails,
    consented_phones,
)
from thapsang.domain.customers.queries.places import Place, books_of_points, places_question
from thapsang.domain.customers.queries.register import (
    agreement_end,
    consents,
    contact_points,
    customer,
    customers_by_phone,
    find_customer,
    find_supply_point,
    notes,
    phone_for_messages,
    supply_points,
    supply_points_of,
    terms,
)
from thapsang.domain.customers.queries.search import SEARCHED, search
from thapsang.domain.customers.types import masked_name

__all__ = [
    "SEARCHED",
    "ConsentText",
    "ConsentTextError",
    "Place",
    "agreement_end",
    "books_of_points",
    "consent_texts",
    "consented_emails",
    "consented_phones",
    "consents",
    "contact_points",
    "customer",
    "customers_by_phone",
    "find_customer",
    "find_supply_point",
    "masked_name",
    "notes",
    "phone_for_messages",
    "places_question",
    "search",
    "supply_points",
    "supply_points_of",
    "terms",
]
