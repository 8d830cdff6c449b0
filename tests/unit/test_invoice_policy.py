"""The invoices of another distributor: its series, its hand-over, its words; and what a wrong file says."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from thapsang.domain.invoices.queries.policy import load_policy
from thapsang.domain.invoices.types import InvoicePolicyError
from thapsang.domain.notifications import queries as notifications
from thapsang.domain.notifications.types import UnknownTemplateError
from thapsang.journeys.issue_invoices.shaping import Shaper, reason

REFERENCE = Path(__file__).parents[2] / "policies" / "reference"


def test_the_series_changes_with_the_year() -> None:
    policy = load_policy(REFERENCE / "invoices")
    last, first = date(2025, 12, 31), date(2026, 1, 1)
    assert [policy.series_on(day).code(day) for day in (last, first)] == ["K25TAA", "C26TAB"]
    assert [policy.series_on(day).payment_method for day in (last, first)] == ["TM/CK", "CK"]
    with pytest.raises(InvoicePolicyError, match="2024-12-31"):
        policy.series_on(date(2024, 12, 31))


def test_its_own_hand_over_seller_and_notices() -> None:
    policy = load_policy(REFERENCE / "invoices")
    rule = policy.authority_on(date(2026, 11, 23))
    assert (rule.invoices_a_message, rule.tries, rule.longest_pause) == (2, 3, timedelta(seconds=9))
    assert policy.invented and policy.seller.name == "Công ty Điện Ví Dụ" and policy.key_notices == (60, 10)


def test_its_own_words_stand_on_the_lines() -> None:
    policy = load_policy(REFERENCE / "invoices")
    shaper = Shaper(policy, date(2026, 10, 1))
    assert shaper._label("residential", "tier", 2, "", None, False) == ("Điện sinh hoạt bậc 2", "kWh")
    assert shaper._label("lighting", "flat", 0, "", None, True)[0] == "Điều chỉnh: Điện theo hợp đồng"
    assert shaper._label("x", "reactive", 0, "", None, False) == ("Phản kháng", "kvarh")
    assert reason(policy, "replaces", 2610_000000001_0) == "Thay thế HD2610-000000001"


def test_its_own_mail(settings: Any) -> None:
    settings.DISTRIBUTOR = "reference"
    assert notifications.email_rules().per_minute == 60
    names = ("month", "bill", "total", "due", "portal", "look_up_page", "look_up_code", "contact")
    values = {language: dict.fromkeys(names, "…") for language in notifications.BOTH}
    said = notifications.letter(template="bill-ready", languages=("vi",), values=values)
    assert said.subject == "Công ty Điện Ví Dụ: tiền điện …" and "1900 0000" in said.text
    both = notifications.letter(template="bill-ready", languages=notifications.BOTH, values=values)
    assert both.subject == "Công ty Điện Ví Dụ: tiền điện … / electricity …" and both.html.count("<hr") == 1
    with pytest.raises(UnknownTemplateError, match=r"No e-mail 'love' in email.yaml"):
        notifications.letter(template="love", languages=("vi",), values=values)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("series.yaml", "until: 2026-01-01", "until: 2026-06-01", "series.yaml: series.1.: it overlaps"),
        ("series.yaml", "letters: AB", "letters: A", "series.yaml: series.1."),
        ("authority.yaml", "tries: 3", "tries: 0", "`tries` 1 to 100"),
        ("authority.yaml", "[60, 10]", "[]", "key_notices"),
        ("words.yaml", 'tier: "Điện {category} bậc {tier}", ', "", "lines: tier missing"),
        ("seller.yaml", 'tax_code: "', 'tax_code: "1', "seller.yaml"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    folder = tmp_path / "invoices"
    shutil.copytree(REFERENCE / "invoices", folder)
    content = (folder / file).read_text(encoding="utf-8")
    assert old in content
    (folder / file).write_text(content.replace(old, new), encoding="utf-8")
    with pytest.raises(InvoicePolicyError, match=said):
        load_policy(folder)
