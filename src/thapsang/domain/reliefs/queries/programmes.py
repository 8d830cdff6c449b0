"""Programmes by code and state."""

from __future__ import annotations

from dataclasses import fields

from thapsang.domain.reliefs.models import Programme
from thapsang.domain.reliefs.types import ProgrammeView, UnknownProgrammeError

_FIELDS = [field.name for field in fields(ProgrammeView)]


def programmes(*, code: str = "", status: str = "") -> list[ProgrammeView]:
    """Return programmes in stacking order, editions by first day; all of them, or of one code or state."""
    rows = Programme.objects.order_by("stack_order", "valid_from", "id")
    if code:
        rows = rows.filter(code=code)
    if status:
        rows = rows.filter(status=status)
    return [ProgrammeView(**row) for row in rows.values(*_FIELDS)]


def programme(*, programme_id: int) -> ProgrammeView | None:
    """Return one programme by its number."""
    row = Programme.objects.filter(pk=programme_id).values(*_FIELDS).first()
    return ProgrammeView(**row) if row else None


def programme_named(*, name: str, status: str = "") -> ProgrammeView:
    """Return the programme a person means by `code`, `code@first-day` or `#number`, not closed unless by number.

    Raises UnknownProgrammeError when there is none in that state, or when several editions are meant.
    """
    code, _, day = name.strip().partition("@")
    if code.startswith("#") and code[1:].isdigit():
        found = [one for one in [programme(programme_id=int(code[1:]))] if one]
    else:
        found = [one for one in programmes(code=code, status=status) if one.status != "closed"]
        found = [one for one in found if not day or str(one.valid_from) == day]
    if len(found) == 1:
        return found[0]
    among = f" that is {status}" if status else ""
    if not found:
        raise UnknownProgrammeError(f"There is no programme {name!r}{among}: see `thapsang relief list`.")
    names = ", ".join(f"#{one.id} ({one.edition}, {one.status})" for one in found)
    raise UnknownProgrammeError(f"{name!r} is several{among}: say which one: {names}.")


def text_of(*, programme_id: int) -> tuple[str, str]:
    """Return file name and YAML text of a programme, exactly as drafted; raises UnknownProgrammeError."""
    row = Programme.objects.filter(pk=programme_id).values_list("file", "text").first()
    if row is None:
        raise UnknownProgrammeError(f"There is no programme #{programme_id}.")
    return row
