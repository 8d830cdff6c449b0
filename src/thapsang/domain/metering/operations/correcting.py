"""Correct a reading; the value it had is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import connection

from thapsang.domain.metering.models import Reading, Register
from thapsang.domain.metering.types import dial_use, reading_policy
from thapsang.kit.audit import operations as audit
from thapsang.kit.db.transactions import transaction_required


class CorrectionRefusedError(ValueError):
    """The correction cannot be; the message names the reading and what to do."""


@dataclass(frozen=True)
class Corrected:
    """What a reading was and is."""

    register_id: int
    read_on: date
    before: int
    after: int


@transaction_required
def correct_reading(
    *, register_id: int, read_on: date, value: int, reason: str, actor: audit.Person | str, at: datetime
) -> Corrected:
    """Put a checked value in the place of a reading (quality V); the old one goes to the superseded readings.

    Recorded in the audit log with the reason. Bills already made are not touched: a corrected bill is a
    matter of billing. Raises CorrectionRefusedError: no such reading, no reason, a value that does not fit
    the dial or goes backwards against its neighbours.
    """
    if not reason.strip():
        raise CorrectionRefusedError("A correction needs a reason.")
    row = Reading.objects.filter(register_id=register_id, read_on=read_on).select_for_update().first()
    if row is None:
        raise CorrectionRefusedError(
            f"Register {register_id} has no reading on {read_on}: import one instead."
        )
    _check_fits(Register.objects.get(pk=register_id), read_on, value)
    before, was = row.value, row.quality
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('thapsang.correction', %s, true)", [reason])
        cursor.execute(
            "UPDATE metering_reading SET value = %s, quality = 'V' WHERE register_id = %s AND read_on = %s",
            [value, register_id, read_on],
        )
        cursor.execute("SELECT set_config('thapsang.correction', '', true)")
    audit.record(
        actor=actor, action="metering.reading-corrected", subject=f"register:{register_id}",
        before={"read_on": read_on, "value": before, "quality": was}, after={"value": value, "quality": "V"},
        reason=reason, at=at,
    )  # fmt: skip
    return Corrected(register_id, read_on, before, value)


def _check_fits(register: Register, read_on: date, value: int) -> None:
    if not 0 <= value < 10**register.digits:
        raise CorrectionRefusedError(f"{value} does not fit a dial of {register.digits} digits.")
    share = reading_policy(settings.POLICIES / settings.DISTRIBUTOR, read_on).dial_share
    others = Reading.objects.filter(register=register)
    earlier = others.filter(read_on__lt=read_on).order_by("-read_on").first()
    later = others.filter(read_on__gt=read_on).order_by("read_on").first()
    if earlier and dial_use(earlier.value, value, register.digits, share) is None:
        raise CorrectionRefusedError(
            f"{value} is below {earlier.value} of {earlier.read_on}: read the meter again."
        )
    if later and dial_use(value, later.value, register.digits, share) is None:
        raise CorrectionRefusedError(
            f"{value} is above {later.value} of {later.read_on}: correct that one first."
        )
