"""The queue of points that could not be billed."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Count, QuerySet

from thapsang.domain.billing.models import BillingException
from thapsang.domain.billing.queries.policy import current_policy
from thapsang.domain.billing.types import ExceptionView, UnknownExceptionError

_FIELDS = (
    "id", "run_id", "run__period", "supply_point_id", "supply_point__code",
    "supply_point__book__area_team__name", "code", "detail", "status", "resolution", "assigned_to",
    "created_at", "resolved_at",
)  # fmt: skip


def open_exceptions(
    *,
    period: date | None = None,
    code: str = "",
    area_team_id: int | None = None,
    status: str = "open",
    assigned_to: int | None = None,
    language: str = "vi",
    limit: int = 100,
    offset: int = 0,
) -> list[ExceptionView]:
    """Return exceptions, the newest month first, then in order of point; a filter left out filters nothing.

    `status` is open, resolved or empty for both; `assigned_to` is a member of staff, 0 for nobody.
    """
    found = _filtered(period, code, area_team_id, status, assigned_to).order_by(
        "-run__period", "supply_point_id"
    )
    return [_view(row, language) for row in found.values_list(*_FIELDS)[offset : offset + limit]]


def exception_counts(
    *, period: date | None = None, area_team_id: int | None = None, status: str = "open"
) -> dict[str, int]:
    """Return how many exceptions there are of each code, the most frequent first."""
    found = _filtered(period, "", area_team_id, status, None).values_list("code").annotate(n=Count("id"))
    return {code: int(count) for code, count in found.order_by("-n", "code")}


def exception(*, exception_id: int, language: str = "vi") -> ExceptionView:
    """Return one exception; raise UnknownExceptionError when there is none of this id."""
    row = BillingException.objects.filter(pk=exception_id).values_list(*_FIELDS).first()
    if row is None:
        raise UnknownExceptionError(f"No billing exception has the id {exception_id}.")
    return _view(row, language)


def _filtered(
    period: date | None, code: str, area_team_id: int | None, status: str, assigned_to: int | None
) -> QuerySet[BillingException]:
    wanted: dict[str, Any] = {
        "run__period": period,
        "code": code or None,
        "supply_point__book__area_team_id": area_team_id,
        "status": status or None,
        "assigned_to": assigned_to or None,
    }
    found = BillingException.objects.filter(
        **{name: value for name, value in wanted.items() if value is not None}
    )
    return found.filter(assigned_to__isnull=True) if assigned_to == 0 else found


def _view(row: tuple[Any, ...], language: str) -> ExceptionView:
    number, run, period, point, point_code, team, code, detail, *rest = row
    words = current_policy().remedy(code)
    title, remedy = (texts.get(language) or texts["vi"] for texts in (words.title, words.remedy))
    if words.code == "other":  # the engine's own words, which rating puts into the detail
        tail = "" if language == "en" else "_vi"
        title, remedy = detail.get(f"problem{tail}") or title, detail.get(f"remedy{tail}") or remedy
    return ExceptionView(number, run, period, point, point_code, team, code, title, remedy, detail, *rest)
