"""Meters hung on a supply point, taken down, replaced inside a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from django.conf import settings
from django.db.models import Q, QuerySet

from thapsang.domain.metering.models import Installation, Meter, Reading, Register
from thapsang.domain.metering.operations.months import ensure_months
from thapsang.domain.metering.types import BANDS, KINDS, dial_use, reading_policy
from thapsang.kit.db.transactions import transaction_required


class MeterWorkError(ValueError):
    """The work on a meter cannot be recorded; the message names the meter, the day and what to do."""


@dataclass(frozen=True)
class NewMeter:
    """A meter to hang: its serial, its opening readings by register kind, its CT/VT multiplier.

    The kinds of `opening` are the meter's registers: {"total": 0}, or {"normal": …, "peak": …, "offpeak": …},
    with "reactive" beside them where kvarh are counted. `digits` of the dial, 3–9.
    """

    serial: str
    opening: Mapping[str, int] = field(default_factory=lambda: {"total": 0})
    multiplier: int = 1
    digits: int = 6
    remote: bool = False


@transaction_required
def install_meter(*, supply_point_id: int, meter: NewMeter, on: date) -> int:
    """Hang a meter on a point from 00:00 of `on`, with its opening readings; return the installation's id.

    Raises MeterWorkError when the point has a meter or the meter hangs elsewhere on that day, or the
    registers make no meter.
    """
    _check_new(meter)
    kind = "three-rate" if set(BANDS) <= set(meter.opening) else "single"
    made, _ = Meter.objects.get_or_create(
        serial=meter.serial.strip(), defaults={"kind": kind, "remote": meter.remote}
    )
    # Locked in one order, point's then meter's: two who hang at once wait for each other, never in a circle.
    here = _later(Installation.objects.filter(supply_point_id=supply_point_id), on)
    if here:
        raise MeterWorkError(
            f"The point has meter {here.meter.serial} on {on}: replace it, or take it down first."
        )
    there = _later(Installation.objects.filter(meter=made), on)
    if there:
        raise MeterWorkError(f"Meter {made.serial} hangs on another point on {on}: take it down there first.")
    hung = Installation.objects.create(
        meter=made, supply_point_id=supply_point_id, start=on, multiplier=meter.multiplier
    )
    ensure_months(on, on)
    for name, value in meter.opening.items():
        register = Register.objects.create(installation=hung, kind=name, digits=meter.digits)
        Reading.objects.create(register=register, read_on=on, value=value, source="opening")
    return int(hung.pk)


def _later(hung: QuerySet[Installation], on: date) -> Installation | None:
    found: Installation | None = (
        hung.filter(Q(end__isnull=True) | Q(end__gt=on)).select_for_update().order_by("start").first()
    )
    return found


def _check_new(meter: NewMeter) -> None:
    kinds = set(meter.opening)
    bands = kinds & set(BANDS)
    if kinds - set(KINDS) or (bands and bands != set(BANDS)) or not (kinds - {"reactive"}):
        raise MeterWorkError(
            f"Registers {sorted(kinds)} make no meter: give total, or normal, peak, offpeak; reactive beside."
        )
    for kind, value in meter.opening.items():
        if not 0 <= value < 10**meter.digits:
            raise MeterWorkError(
                f"Opening reading {value} of {kind} does not fit a dial of {meter.digits} digits."
            )
    if meter.multiplier < 1:
        raise MeterWorkError(f"Multiplier {meter.multiplier}: CT/VT multiply by 1 or more.")


@transaction_required
def remove_meter(*, supply_point_id: int, on: date, closing: Mapping[str, int]) -> int:
    """Take the point's meter down at 00:00 of `on` with its closing readings; return the installation's id.

    Raises MeterWorkError when no meter hangs, a register's closing reading is missing or goes backwards, or
    readings after the day exist.
    """
    hung = (
        Installation.objects.filter(supply_point_id=supply_point_id, end__isnull=True)
        .select_for_update(of=("self",)).select_related("meter").first()
    )  # fmt: skip
    if hung is None or hung.start >= on:
        raise MeterWorkError(f"No meter hangs on the point before {on}: check the day.")
    dials = {register.kind: register for register in hung.registers.all()}
    if set(dials) != set(closing):
        raise MeterWorkError(
            f"Meter {hung.meter.serial} closes with readings of {sorted(dials)}, no more, no less."
        )
    ensure_months(on, on)
    for kind, value in closing.items():
        _close(dials[kind], hung.meter.serial, on, value)
    hung.end = on
    hung.save(update_fields=["end"])
    return int(hung.pk)


def _close(register: Register, serial: str, on: date, value: int) -> None:
    near = Reading.objects.filter(register=register)
    if near.filter(read_on__gt=on).exists():
        raise MeterWorkError(f"Meter {serial} has readings of {register.kind} after {on}: check the day.")
    last = near.order_by("-read_on").first()
    if last and last.read_on == on:
        if last.value != value:
            raise MeterWorkError(
                f"Meter {serial}: {register.kind} reads {last.value} on {on} already, not {value}."
            )
        return
    share = reading_policy(settings.POLICIES / settings.DISTRIBUTOR, on).dial_share
    if value < 0 or value >= 10**register.digits:
        raise MeterWorkError(f"Closing reading {value} of {register.kind} does not fit its dial.")
    if last and dial_use(last.value, value, register.digits, share) is None:
        raise MeterWorkError(
            f"Closing reading {value} of {register.kind} is below {last.value} of {last.read_on}: read again."
        )
    Reading.objects.create(register=register, read_on=on, value=value, source="closing")


@transaction_required
def replace_meter(*, supply_point_id: int, on: date, closing: Mapping[str, int], meter: NewMeter) -> int:
    """Replace the point's meter at 00:00 of `on`: closing readings of the old, opening of the new.

    Returns the new installation's id; raises MeterWorkError as `remove_meter` and `install_meter` do.
    """
    remove_meter(supply_point_id=supply_point_id, on=on, closing=closing)
    return install_meter(supply_point_id=supply_point_id, meter=meter, on=on)
