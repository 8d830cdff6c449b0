"""A reading inside a month that splits it: taken on the day a customer leaves or comes, the meter stays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from django.db.models import Q

from thapsang.domain.metering.models import Installation, Reading, Register
from thapsang.domain.metering.operations.correcting import _check_fits
from thapsang.domain.metering.operations.meters import MeterWorkError
from thapsang.domain.metering.operations.months import ensure_months
from thapsang.domain.metering.operations.splitting import INTERIM, split_period
from thapsang.kit.audit import operations as audit
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def read_between(
    *,
    supply_point_id: int,
    on: date,
    values: Mapping[str, int],
    reason: str,
    actor: audit.Person | str,
    at: datetime,
) -> None:
    """Keep the dial values (by register kind) of 00:00 of a day as readings that split the month there.

    Every register of the meter must be named. Asked again with the same values, it changes nothing. Recorded in the
    audit log. Raises MeterWorkError: no meter, other registers, another value is there; CorrectionRefusedError: a
    value that does not fit between its neighbours; SplitRefusedError.
    """
    hung = Installation.objects.filter(
        Q(end=None) | Q(end__gt=on), supply_point_id=supply_point_id, start__lt=on
    )
    dials = {register.kind: register for register in Register.objects.filter(installation__in=hung)}
    if not dials:
        raise MeterWorkError(f"No meter hung on the point before and on {on}: check the day.")
    if set(dials) != set(values):
        raise MeterWorkError(
            f"The meter has the registers {sorted(dials)}: give a reading of each, no more, no less."
        )
    ensure_months(on, on)
    fresh = [kind for kind, register in dials.items() if _is_new(register, on, values[kind])]
    for kind in fresh:
        _check_fits(dials[kind], on, values[kind])
        Reading.objects.create(register=dials[kind], read_on=on, value=values[kind], source=INTERIM)
    if fresh:
        audit.record(
            actor=actor, action="metering.read-between", subject=f"supply-point:{supply_point_id}", before=None,
            after={"read_on": on, **{kind: values[kind] for kind in fresh}}, reason=reason, at=at,
        )  # fmt: skip
    if len(fresh) < len(dials):
        split_period(supply_point_id=supply_point_id, read_on=on, reason=reason, actor=actor, at=at)


def _is_new(register: Register, on: date, value: int) -> bool:
    """Tell whether the register has no reading of the day yet; raise MeterWorkError when it says something else."""
    there = Reading.objects.filter(register=register, read_on=on).first()
    if there is not None and there.value != value:
        raise MeterWorkError(
            f"{register.kind} reads {there.value} on {on} already, not {value}: correct that first."
        )
    return there is None
