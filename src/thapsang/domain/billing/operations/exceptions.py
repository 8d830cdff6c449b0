"""Working through the queue: take an exception on, close it with a reason."""

from __future__ import annotations

from datetime import datetime

from thapsang.domain.billing.models import BillingException
from thapsang.domain.billing.types import BillingError, ExceptionClosedError, UnknownExceptionError
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def assign_exception(
    *, exception_id: int, assignee_id: int | None, actor: Person | str, at: datetime, reason: str = ""
) -> None:
    """Give an open exception to a member of staff (None: to nobody); the audit log records it.

    Raises UnknownExceptionError, ExceptionClosedError.
    """
    found = _open(exception_id)
    before, found.assigned_to = found.assigned_to, assignee_id
    found.save(update_fields=["assigned_to"])
    audit.record(
        actor=actor, action="billing.exception-assigned", subject=f"billing-exception:{exception_id}",
        before={"assigned_to": before}, after={"assigned_to": assignee_id}, reason=reason, at=at,
    )  # fmt: skip


@transaction_required
def resolve_exception(*, exception_id: int, reason: str, actor: Person | str, at: datetime) -> None:
    """Close an exception without a bill, for a stated reason; the audit log records it.

    A point whose data was mended needs none of this: the next start of the run bills it and closes the
    exception. Raises UnknownExceptionError, ExceptionClosedError, BillingError for an empty reason.
    """
    if not reason.strip():
        raise BillingError("reason: it is empty. Say why the point needs no bill.")
    found = _open(exception_id)
    found.status, found.resolution, found.resolved_at = "resolved", reason.strip(), at
    found.save(update_fields=["status", "resolution", "resolved_at"])
    audit.record(
        actor=actor, action="billing.exception-resolved", subject=f"billing-exception:{exception_id}",
        before={"status": "open"}, after={"status": "resolved"}, reason=reason, at=at,
    )  # fmt: skip


def _open(exception_id: int) -> BillingException:
    found = BillingException.objects.select_for_update().filter(pk=exception_id).first()
    if found is None:
        raise UnknownExceptionError(f"No billing exception has the id {exception_id}.")
    if found.status != "open":
        raise ExceptionClosedError(
            f"The billing exception {exception_id} is resolved already: {found.resolution}"
        )
    return found
