"""Who the signed-in customer is: the customers behind the phone, and what is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest
from django.utils import timezone

from thapsang.domain.customers import queries as customers
from thapsang.domain.payments import queries as payments
from thapsang.kit.identity.people import phone_index_of, phone_of

if TYPE_CHECKING:
    from thapsang.domain.billing.types import BillView
    from thapsang.domain.customers.types import CustomerView, SupplyPointView
    from thapsang.domain.payments.types import OwnBill


@dataclass
class Me:
    """The customers of one phone and their supply points, each read once a request, when asked for."""

    customers: list[CustomerView]

    @cached_property
    def customer_ids(self) -> set[int]:
        """Numbers of the customers."""
        return {customer.id for customer in self.customers}

    @cached_property
    def points(self) -> list[SupplyPointView]:
        """Points supplied today."""
        return (
            customers.supply_points_of(customer_ids=list(self.customer_ids), on=today())
            if self.customers
            else []
        )

    def point(self, supply_point_id: int) -> SupplyPointView | None:
        """Return one of my points, or None."""
        return next((point for point in self.points if point.id == supply_point_id), None)


def today() -> date:
    """Return today's date in Vietnam."""
    return timezone.localdate()


def me(request: HttpRequest) -> Me:
    """Return the customers of the signed-in phone; kept on the request."""
    known: Me | None = getattr(request, "portal_me", None)
    if known is not None:
        return known
    phone = phone_of(request.user)
    mine = customers.customers_by_phone(phone=phone) if phone else []
    found = Me(mine)
    request.portal_me = found  # type: ignore[attr-defined]
    return found


def my_bill_and_paid(request: HttpRequest, bill_id: int) -> OwnBill:
    """Return the bill and what was paid on it if it is mine. Raises Http404 otherwise."""
    index = phone_index_of(request.user)
    found = payments.own_bill(bill_id=bill_id, phone_index=index) if index else None
    if found is None:
        raise Http404
    return found


def my_bill(request: HttpRequest, bill_id: int) -> BillView:
    """Return the bill if it is mine. Raises Http404 otherwise: another's bill does not exist for me."""
    return my_bill_and_paid(request, bill_id).bill
