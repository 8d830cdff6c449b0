"""A relief programme for October 2026 as YAML, the people who carry it, and evidence for it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.apps import apps

from thapsang.domain.reliefs import operations
from thapsang.domain.tariffs import queries as tariffs
from thapsang.kit.db.transactions import transaction

AT = dt.datetime(2026, 11, 23, 2, tzinfo=dt.UTC)
OCTOBER = dt.date(2026, 10, 1)
DRAFTER, REVIEWER, ASKER, APPROVER = "lan", "minh", "hoa", "tuan"


def storm(
    *, code: str = "storm", low: int = 15, high: int = 10, up_to: int = 200, order: int = 100, base: str = "rest",
    start: str = "2026-10-01", until: str = "2026-12-01", account: str = "", listed: str = "directive-16: 2026-10-10",
) -> str:  # fmt: skip
    """Return a programme: households on a list get `low` % off up to a limit, `high` % above it."""
    funding = f', account: "{account}"' if account else ""
    return f"""# A storm in October 2026.
kind: programme
code: {code}
name: {{vi: "Giảm tiền điện sau bão {code}", en: "Storm relief {code}"}}
basis:
  code: NQ {code}
  document: {{vi: "Nghị quyết {code}", en: "Resolution {code}"}}
  signed: 2026-10-05
valid: {{by: bill-month, from: {start}, until: {until}}}
stack: {{order: {order}, base: {base}}}
funding: {{source: utility, vi: "Ngành điện", en: "The utility"{funding}}}
rules:
  - code: small
    name: {{vi: "Đến {up_to} kWh", en: "Up to {up_to} kWh"}}
    article: {{vi: "Điều 1", en: "article 1"}}
    who: {{categories: [residential], lists: {{{listed}}}}}
    threshold: {{up_to: {up_to}, scaled_by: [days, households]}}
    what: {{kind: percent-off-bill, percent: {low}, rounding: amount-half-up}}
    source: "test"
  - code: large
    name: {{vi: "Trên {up_to} kWh", en: "Above {up_to} kWh"}}
    article: {{vi: "Điều 2", en: "article 2"}}
    who: {{categories: [residential], lists: {{{listed}}}}}
    threshold: {{above: {up_to}, scaled_by: [days, households]}}
    what: {{kind: percent-off-bill, percent: {high}, rounding: amount-half-up}}
    source: "test"
"""


def cash(*, code: str = "gift", order: int = 110) -> str:
    """Return a programme that pays poor households 30 kWh in cash."""
    return f"""kind: programme
code: {code}
name: {{vi: "Hỗ trợ {code}", en: "Support {code}"}}
basis:
  code: QD {code}
  document: {{vi: "Quyết định {code}", en: "Decision {code}"}}
  signed: 2026-10-05
valid: {{by: bill-month, from: 2026-10-01, until: 2026-12-01}}
stack: {{order: {order}, base: bill}}
funding: {{source: state, vi: "Ngân sách", en: "The State budget"}}
rules:
  - code: poor
    name: {{vi: "Hộ nghèo", en: "Poor households"}}
    article: {{vi: "Điều 1", en: "article 1"}}
    who: {{categories: [residential], lists: {{poor-households: last-billed-day}}}}
    what: {{kind: cash, kwh: 30, category: residential, tier: 1, scaled_by: [households]}}
    source: "test"
"""


def drafted(text: str, *, file: str = "2026-10-storm.yaml", by: str = DRAFTER) -> int:
    with transaction():
        return operations.draft(
            file=file, text=text, tariffs=tariffs.current_book(), actor=by, reason="bão số 10", at=AT
        )


def in_force(text: str, *, file: str = "2026-10-storm.yaml") -> int:
    """Draft, review and put a programme in force; return its number."""
    number = drafted(text, file=file)
    with transaction():
        operations.review(programme_id=number, actor=REVIEWER, at=AT)
    with transaction():
        operations.put_in_force(programme_id=number, tariffs=tariffs.current_book(), actor=REVIEWER, at=AT)
    return number


def listed(
    code: str, *, points: list[int] | None = None, areas: list[str] | None = None,
    start: dt.date = dt.date(2026, 10, 1), end: dt.date | None = None,
) -> None:  # fmt: skip
    """Put points or communes on a list, as an import would."""
    model = _model("EvidenceList")
    number = model.objects.count()
    made = model.objects.create(
        code=code, authority="UBND tỉnh", document=f"QĐ {number}", document_date=OCTOBER, file_name="ds.csv",
        file_sha256=f"{number:064}", imported_by="lan", imported_at=AT,
    )  # fmt: skip
    owners = [("supply_point_id", point) for point in points or []] + [("area", area) for area in areas or []]
    for place, (field, owner) in enumerate(owners, start=1):
        row = _model("EvidenceRow").objects.create(
            list=made, number=place, given={}, match="sure", candidates=[]
        )
        _model("Evidence").objects.create(
            list=made, row=row, code=code, start=start, end=end, **{field: owner}
        )


def _model(name: str) -> Any:
    return apps.get_model(f"reliefs.{name}")
