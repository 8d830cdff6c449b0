"""Let a reading that is there split its period: on the day a price changes, kWh are then billed by what was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import F, Q

from thapsang.domain.metering.models import Installation, Reading, Register
from thapsang.kit.audit import operations as audit
from thapsang.kit.db.transactions import transaction_required

INTERIM = "price"


class SplitRefusedError(ValueError):
    """The period cannot be split there; the message names the meter, the day and what to do."""


@dataclass(frozen=True)
class Split:
    """A point whose period splits at a day; `changed` is how many readings were marked now."""

    supply_point_id: int
    read_on: date
    registers: int
    changed: int


@transaction_required
def split_period(
    *, supply_point_id: int, read_on: date, reason: str, actor: audit.Person | str, at: datetime
) -> Split:
    """Mark the readings of a point's meter on a day as interim ones (source `price`); the old rows are kept.

    `read_on` is the first day at the new price. Every register of the meter must have a reading for it.
    Asked a second time, it changes nothing. Bills already made are not touched. Recorded in the audit log.
    Raises SplitRefusedError.
    """
    if not reason.strip():
        raise SplitRefusedError("Splitting a period needs a reason.")
    registers = _registers(supply_point_id, read_on)
    read = Reading.objects.filter(register_id__in=registers, read_on=read_on)
    if lacking := sorted(
        registers[r] for r in registers.keys() - set(read.values_list("register_id", flat=True))
    ):
        raise SplitRefusedError(
            f"No reading on {read_on} of {', '.join(lacking)}: import it with purpose price."
        )
    changed = _mark(list(registers), read_on, reason)
    if changed:
        audit.record(
            actor=actor, action="metering.period-split", subject=f"supply-point:{supply_point_id}", before=None,
            after={"read_on": read_on, "registers": len(registers)}, reason=reason, at=at,
        )  # fmt: skip
    return Split(supply_point_id, read_on, len(registers), changed)


def _registers(supply_point_id: int, read_on: date) -> dict[int, str]:
    """Return the registers, by number, of the meter that hung before and on the day. Raises SplitRefusedError."""
    hung = Installation.objects.filter(Q(end=None) | Q(end__gt=read_on), supply_point_id=supply_point_id)
    rows = Register.objects.filter(installation__in=hung.filter(start__lt=read_on)).annotate(
        serial=F("installation__meter__serial")
    )
    found = {row.pk: f"{row.serial} {row.kind}" for row in rows}
    if not found:
        raise SplitRefusedError(f"No meter hung on this supply point before and on {read_on}.")
    return found


def _mark(registers: list[int], read_on: date, reason: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('thapsang.correction', %s, true)", [reason])
        cursor.execute(
            "UPDATE metering_reading SET source = %s WHERE register_id = ANY(%s) AND read_on = %s AND source <> %s",
            [INTERIM, registers, read_on, INTERIM],
        )
        changed = cursor.rowcount
        cursor.execute("SELECT set_config('thapsang.correction', '', true)")
    return int(changed)
