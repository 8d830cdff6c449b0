"""Who may call which route. Every route declares it; the middleware refuses a route that does not.

`@allow(Audience.PUBLIC)` on a view states the audiences; a test walks all routes × all roles.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


class Audience(StrEnum):
    """The parties a route can be open to. Staff roles are Django groups of the same name."""

    PUBLIC = "public"
    CUSTOMER = "customer"
    BILLING = "billing"
    CASHIER = "cashier"
    CUSTOMER_SERVICE = "customer-service"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    API_CLIENT = "api-client"
    PROVIDER = "provider"


STAFF = frozenset(
    {
        Audience.BILLING,
        Audience.CASHIER,
        Audience.CUSTOMER_SERVICE,
        Audience.AUDITOR,
        Audience.ADMINISTRATOR,
    }
)


def allow(*audiences: Audience) -> Callable[[View], View]:
    """Declare the audiences of a view. PUBLIC, API_CLIENT and PROVIDER check themselves further in."""
    if not audiences:
        raise ValueError("A route without an audience: name at least one.")

    def mark(view: View) -> View:
        view.audiences = frozenset(audiences)  # type: ignore[attr-defined]
        return view

    return mark
