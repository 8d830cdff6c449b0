"""Policy versions kept for ever, and prices told in plain words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.factories.rating import REFERENCE
from thapsang.domain.tariffs import operations, queries
from thapsang.domain.tariffs.models import PolicyVersion
from thapsang.engines.rating import load_book
from thapsang.kit.db.transactions import TransactionRequiredError, transaction

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_keeping_a_version_demands_a_transaction() -> None:
    with pytest.raises(TransactionRequiredError):
        operations.keep_version(queries.current_book(), NOW)
    with transaction():
        assert operations.keep_version(queries.current_book(), NOW) > 0


@pytest.mark.django_db
def test_the_same_policy_is_kept_once() -> None:
    first = operations.keep_version(queries.current_book(), NOW)
    assert operations.keep_version(queries.current_book(), NOW) == first
    assert operations.keep_version(load_book(REFERENCE), NOW) != first


@pytest.mark.django_db
def test_an_old_version_is_read_from_what_was_kept() -> None:
    fictional = load_book(REFERENCE)
    version = operations.keep_version(fictional, NOW)
    assert queries.book_of(version) == fictional
    assert queries.reference(version, 1) == fictional.reference(1)


def kept_otherwise(change: Any) -> tuple[int, Any]:
    """Keep the fictional policy as another release might have kept it; give its number and its book."""
    book = load_book(REFERENCE)
    content = operations.content_of(book)
    change(content)
    version = PolicyVersion.objects.create(
        sha256="other", distributor="reference", content=content, first_used_at=NOW
    )
    return version.pk, book


@pytest.mark.django_db
def test_what_is_kept_says_its_format() -> None:
    version = operations.keep_version(load_book(REFERENCE), NOW)
    assert PolicyVersion.objects.get(pk=version).content["format"] == 1


@pytest.mark.django_db
@pytest.mark.parametrize("form", [2, None])
def test_the_law_of_a_version_of_another_format_is_shown_as_it_was_kept(form: int | None) -> None:
    version, book = kept_otherwise(lambda content: content.update(format=form, files={"new": ["shape"]}))
    with pytest.raises(queries.UnreadablePolicyVersionError, match="Its bills stand as issued"):
        queries.book_of(version)
    for language in ("vi", "en"):
        told = queries.citations(policy_version_id=version, language=language)
        same = operations.keep_version(book, NOW)
        assert told == queries.citations(policy_version_id=same, language=language) and told
    assert queries.vat_citation(policy_version_id=version, last_day=date(2030, 2, 1)) is None


@pytest.mark.django_db
def test_files_this_release_refuses_do_not_hide_the_law() -> None:
    version, book = kept_otherwise(
        lambda content: content.update(files={"reference/tariffs/x.yaml": {"kind": "?"}})
    )
    with pytest.raises(queries.UnreadablePolicyVersionError):
        queries.book_of(version)
    assert len(queries.citations(policy_version_id=version)) == len(book.references)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "references", [None, "words", [1, {}, {"number": "x"}, {"number": 1, "date": "soon"}]]
)
def test_a_version_nothing_can_be_read_of_has_no_law(references: object) -> None:
    version, _ = kept_otherwise(lambda content: content.update(format=9, references=references))
    assert queries.citations(policy_version_id=version) == {}


@pytest.mark.django_db
def test_a_reference_is_told_in_both_languages() -> None:
    book = queries.current_book()
    version = operations.keep_version(book, NOW)
    number = book.editions[-1].tariffs["residential", "lt6"].references[0]
    vietnamese = queries.citation(policy_version_id=version, number=number)
    english = queries.citation(policy_version_id=version, number=number, language="en")
    assert vietnamese.text == (
        "Quyết định 1279/QĐ-BCT ngày 9/5/2025 của Bộ Công Thương về giá bán điện, giá bán lẻ điện sinh hoạt"
    )
    assert english.text.startswith("Decision 1279/QĐ-BCT of 9 May 2025") and english.text.endswith(
        "residential"
    )
    assert queries.citations(policy_version_id=version)[number] == vietnamese
    assert len(queries.citations(policy_version_id=version)) == len(book.references)


@pytest.mark.django_db
def test_the_vat_of_a_bill_is_cited_by_its_last_day() -> None:
    version = operations.keep_version(queries.current_book(), NOW)
    cited = queries.vat_citation(policy_version_id=version, last_day=date(2026, 10, 31))
    assert cited and cited.code == "NĐ 174/2025" and "204/2025/QH15" in cited.text
    assert queries.vat_citation(policy_version_id=version, last_day=date(2027, 1, 1)) is None


@pytest.mark.django_db
def test_unknown_versions_and_numbers_are_refused() -> None:
    with pytest.raises(queries.UnknownPolicyVersionError, match="no policy version 999999"):
        queries.reference(999_999, 1)
    version = operations.keep_version(queries.current_book(), NOW)
    with pytest.raises(LookupError, match="not 9999"):
        queries.citation(policy_version_id=version, number=9999)


def test_the_price_table_of_a_day() -> None:
    table = queries.price_table(on=date(2026, 11, 23))
    assert (table.code, table.end, table.vat_rate) == ("1279/QĐ-BCT", None, 800)
    by_code = {category.code: category for category in table.categories}
    tiers = by_code["residential"].tiers
    assert [(t.number, t.above, t.upto, t.price) for t in tiers][:2] == [(1, 0, 50, 1984), (2, 50, 100, 2050)]
    assert tiers[-1].upto is None and tiers[-1].price == 3460
    business = by_code["business"].rows
    assert [row.voltages for row in business] == [("ge110", "22to110"), ("6to22",), ("lt6",)]
    assert business[2].prices == (("normal", 3152), ("peak", 5422), ("offpeak", 1918))
    (prepaid,) = by_code["residential-prepaid"].rows
    assert (
        prepaid.prices == (("", 2909),)
        and by_code["residential-prepaid"].name == "Sinh hoạt dùng công tơ trả trước"
    )


def test_the_price_table_shows_doubt_and_what_is_missing() -> None:
    old = queries.price_table(on=date(2014, 7, 1), language="en")
    assert {category.code for category in old.categories} == {"residential", "tenant"}
    assert "from memory" in old.categories[0].citation.doubt
    later = queries.price_table(on=date(2028, 1, 1), language="en")
    assert later.title.startswith("Decision 1279") and later.vat_rate is later.vat_citation is None
    assert later.categories[0].name == "Residential"


def test_a_day_before_the_first_decision_has_no_prices() -> None:
    with pytest.raises(queries.NoPricesError, match="known from 2014-06-01"):
        queries.price_table(on=date(2014, 5, 31))


def test_the_decisions_in_order() -> None:
    assert queries.decisions()[-1] == ("1279/QĐ-BCT", date(2025, 5, 10), None)
    assert len(queries.decisions()) == 8


def test_another_distributor_is_one_setting_away(settings: Any) -> None:
    settings.DISTRIBUTOR = "reference"
    assert queries.price_table(on=date(2030, 2, 1)).code == "D1"
