"""Tariff files are read strictly: what is wrong is named by file and key, with the fix."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories.rating import NGHE_AN, REFERENCE, book
from thapsang.engines.rating import PolicyError, book_from_content, load_book
from thapsang.interfaces.cli import policy

Edit = Callable[[str], str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "fictional" / "tariffs"
    shutil.copytree(REFERENCE, copy)
    return copy


def swap(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text, f"the test expects {old!r} in the file"
        return text.replace(old, new, 1)

    return edit


# file, edit, key in the message, words in the message
FAULTS = [
    ("d1.yaml", swap("average_price:", "avrage_price:"), "avrage_price", "unknown key"),
    ("d1.yaml", swap('average_price: "1000"\n', ""), "average_price", "missing. Add `average_price:`"),
    ("d1.yaml", swap("code: D1\n", ""), "code", "missing"),
    ("d1.yaml", swap("code: D1\n", "code: D1\ncode: D9\n"), "line 3", "duplicate key 'code'. Keep one"),
    (
        "d1.yaml",
        swap("signed: 2030-01-01", "signed: 1 January"),
        "signed",
        "is not a date. Write it as YYYY-MM-DD",
    ),
    ("d1.yaml", swap("signed: 2030-01-01", "signed: 2030-02-30"), "the text", "day"),
    ("d1.yaml", swap("signed: 2030-01-01", "signed: 7"), "signed", "7 is not a date"),
    (
        "d1.yaml",
        swap("[1000, 2000, 3000]", "[1000, 2000.5, 3000]"),
        "prices.residential.values[1]",
        "2000.5 is not a price",
    ),
    (
        "d1.yaml",
        swap("[1000, 2000, 3000]", "[1000, -2, 3000]"),
        "prices.residential.values[1]",
        "-2 is not a price",
    ),
    (
        "d1.yaml",
        swap("[1000, 2000, 3000]", "[1000, true, 3000]"),
        "prices.residential.values[1]",
        "True is not a price",
    ),
    (
        "d1.yaml",
        swap("[1000, 2000, 3000]", "[1000, 2000]"),
        "prices.residential.values",
        "2 prices for 2 widths. Give 3",
    ),
    ("d1.yaml", swap("[1000, 2000, 3000]", "none"), "prices.residential.values", "not a list"),
    ("d1.yaml", swap("tiers: [100, 100]", "tiers: [100, 0]"), "tiers[1]", "0 is not a tier width"),
    ("d1.yaml", swap("price: 1800", "price: 0"), "prices.lighting.price", "0 is not a price"),
    ("d1.yaml", swap("price: 1800", "voltage: lt6"), "prices.lighting.voltage", "unknown key"),
    ("d1.yaml", swap(", price: 1800", ""), "prices.lighting.price", "missing"),
    (
        "d1.yaml",
        swap("lighting: {", "castle: {"),
        "prices.castle",
        "unknown category. Use one of residential",
    ),
    (
        "d1.yaml",
        swap("rule: flat", "rule: round"),
        "prices.lighting.rule",
        "'round' is not known. Use one of: tiers",
    ),
    ("d1.yaml", swap("{rule: flat, price: 1800}", "1800"), "prices.lighting.rule", "None is not known"),
    ("d1.yaml", swap("[high]", "[top]"), "prices.production.by_voltage[0].voltages[0]", "'top' is not known"),
    ("d1.yaml", swap("[high]", "[lt6]"), "prices.production.by_voltage[1].voltages[0]", "priced twice"),
    (
        "d1.yaml",
        swap("    by_voltage:", "    normal: 5\n    by_voltage:"),
        "prices.production.normal",
        "stands beside by_voltage",
    ),
    ("d1.yaml", swap("peak: 3000}", "peak: 3000, night: 5}"), "by_voltage[0].night", "unknown key"),
    ("d1.yaml", swap("one-paper", "gossip"), "doubts.peak", "'gossip' is not known"),
    ("d1.yaml", swap("tier: 2", "tier: 4"), "prices.tenant.tier", "4 is not a tier of that category"),
    ("d1.yaml", swap("of: residential", "of: production"), "prices.tenant.of", "has no tiers in this file"),
    (
        "d1.yaml",
        swap("until: 2030-06-11", "until: 2030-06-12"),
        "from",
        "overlaps the prices from 2030-01-01",
    ),
    ("d1.yaml", swap("until: 2030-06-11\n", ""), "from", "until further notice.* Set that one's `until`"),
    (
        "d1.yaml",
        swap("until: 2030-06-11", "until: 2030-06-01"),
        "from",
        "leaves a gap: no prices from 2030-06-01 to 2030-06-11",
    ),
    ("d1.yaml", swap("until: 2030-06-11", "until: 2029-01-01"), "until", "is not after from"),
    ("d1.yaml", swap('vi: "Quyết định D1"', "vi: 5"), "document.vi", "5 is not a text"),
    ("d1.yaml", swap(', en: "Decision D1"', ""), "document.en", "missing"),
    ("d1.yaml", swap("kind: prices", "kind: price"), "kind", "'price' is not known"),
    ("d1.yaml", swap("prices:", "prices: ["), "line", "Mend the YAML"),
    ("d1.yaml", lambda _: "- a\n- b\n", "", "not a mapping"),
    ("d1.yaml", lambda _: "kind: pending\n", "code", "missing"),
    (
        "vat.yaml",
        swap("basis_points: 800", "basis_points: 8%"),
        "periods[1].basis_points",
        "'8%' is not a VAT rate",
    ),
    (
        "vat.yaml",
        swap("until: 2030-07-01", "until: 2030-06-30"),
        "periods[1].from",
        "no VAT periods from 2030-06-30",
    ),
    ("vat.yaml", swap("    code: L2\n", ""), "periods[1].code", "missing"),
    ("d1.yaml", swap("kind: prices", "kind: doubts"), "kind", "second file of this kind"),
    (
        "vat.yaml",
        lambda _: (
            "kind: pending\ncode: a\ndocument: {vi: a, en: a}\nsigned: 2030-01-01\nin_force: 2030-01-01\n"
            "note: {vi: a, en: a}\n"
        ),
        "",
        "no file of kind 'vat'",
    ),
    (
        "rules.yaml",
        swap("name: last-billed-day", "name: invoice-day"),
        "rules.vat_date.name",
        "Use one of: last-billed-day",
    ),
    ("rules.yaml", swap("  rounding:", "  wounding:"), "rules.wounding", "unknown key"),
    ("rules.yaml", swap("lowest: 60", "lowest: 95"), "reactive.lowest", "below free_from"),
    (
        "rules.yaml",
        swap("applied: true", "applied: maybe"),
        "time_bands[0].applied",
        "neither true nor false",
    ),
    ("categories.yaml", swap("kind: categories", "kind: categories\ncastles: 1"), "castles", "unknown key"),
    (
        "doubts.yaml",
        swap("confidence: V1", "confidence: sure"),
        "doubts.one-paper.confidence",
        "Use one of: V1",
    ),
    ("doubts.yaml", swap("kind: doubts", "kind: doubts\n? [a, b]\n: 1"), "line", "Mend the YAML"),
    ("doubts.yaml", lambda _: "kind: doubts\ndoubts: {}\n", "doubts", "at least one entry"),
    (
        "d1.yaml",
        swap("{rule: price-of-tier, of: residential, tier: 2}", "{rule: tiers}"),
        "values",
        "missing",
    ),
    ("d1.yaml", swap('{vi: "Quyết định D1", en: "Decision D1"}', "D1"), "document", "'D1' is not a mapping"),
    ("categories.yaml", swap("code: tenant", "code: residential"), "categories[1].code", "listed twice"),
    ("categories.yaml", swap("code: high", "code: lt6"), "voltages[1].code", "'lt6' is listed twice"),
]


@pytest.mark.parametrize(("file", "edit", "key", "words"), FAULTS)
def test_a_fault_is_named_by_file_key_and_fix(
    folder: Path, file: str, edit: Edit, key: str, words: str
) -> None:
    path = folder / file
    path.write_text(edit(path.read_text()))
    with pytest.raises(PolicyError, match=words) as raised:
        load_book(folder)
    message = str(raised.value)
    assert key in message
    assert "fictional/tariffs" in raised.value.file
    assert raised.value.remedy and message.endswith(raised.value.remedy)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no tariff file here\. Put the distributor's"):
        load_book(tmp_path / "nothing")


def test_a_file_that_is_not_text_is_named(folder: Path) -> None:
    (folder / "d2.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match=r"d2\.yaml: the text: .*UTF-8"):
        load_book(folder)


def test_what_is_kept_makes_the_same_book() -> None:
    """Content survives JSON (the policy version's column) and gives the same hash, references and prices."""
    original = book(NGHE_AN)
    kept = book_from_content(json.loads(json.dumps(original.content)))
    assert kept == original
    assert kept.sha256 == original.sha256


def test_a_changed_price_changes_the_hash(folder: Path) -> None:
    before = load_book(folder).sha256
    path = folder / "d2.yaml"
    path.write_text(path.read_text().replace("1100", "1101"))
    assert load_book(folder).sha256 != before
    comment = folder / "d1.yaml"
    comment.write_text("# a comment changes no rule\n" + comment.read_text())
    path.write_text(path.read_text().replace("1101", "1100"))
    assert load_book(folder).sha256 == before


# ---- what Nghệ An's files say


def test_every_decision_since_2014_follows_the_one_before() -> None:
    editions = book().editions
    assert [e.code.split("/")[0] for e in editions] == [
        "4887",
        "2256",
        "4495",
        "648",
        "1062",
        "2941",
        "2699",
        "1279",
    ]
    assert editions[0].start == date(2014, 6, 1) and editions[-1].end is None
    assert all(a.end == b.start for a, b in pairwise(editions))


def test_what_is_not_known_is_absent_and_what_is_doubtful_says_so() -> None:
    first, *_, last = book().editions
    assert {category for category, _ in first.tariffs} == {"residential", "tenant"}
    assert book().reference(first.tariffs["residential", "lt6"].references[0]).confidence == "MEM"
    assert book().reference(last.tariffs["business", "lt6"].references[0]).doubt == ""
    peak = next(e for e in book().editions if e.code.startswith("648")).tariffs["business", "6to22"]
    normal, high, _ = (book().reference(number) for number in peak.references)
    assert (normal.confidence, high.confidence) == ("V1", "MEM")
    assert all(bool(r.doubt) == bool(r.doubt_en) == (r.confidence != "V2") for r in book().references)


def test_decided_but_not_applied_is_known_and_not_billed() -> None:
    (structure,) = book().pending
    assert structure.code == "14/2025/QĐ-TTg"
    assert structure.tiers == ((100, 90), (100, 108), (200, 136), (300, 162), (None, 180))
    current, decided = book().time_bands
    assert current.applied and not decided.applied and decided.doubt is not None


def test_every_reference_can_be_cited() -> None:
    for reference in book().references:
        assert book().reference(reference.number) is reference
        assert reference.code and reference.citation and reference.citation_en
    with pytest.raises(LookupError, match="references 1 to"):
        book().reference(0)


def test_days_without_prices_or_vat_have_none() -> None:
    assert book().edition_on(date(2014, 5, 31)) is None
    assert book().vat_on(date(2027, 1, 1)) is None
    in_force, vat = book().edition_on(date(2030, 1, 1)), book().vat_on(date(2026, 12, 31))
    assert in_force and in_force.code == "1279/QĐ-BCT"
    assert vat and vat.basis_points == 800


# ---- the command


def test_policy_check_says_what_it_found() -> None:
    result = CliRunner().invoke(policy.app, ["check", "--json"])
    found = json.loads(result.output)
    assert (result.exit_code, found["ok"], len(found["decisions"])) == (0, True, 8)
    shown = CliRunner().invoke(policy.app, ["check"])
    assert shown.exit_code == 0 and "1279/QĐ-BCT" in shown.output


@pytest.mark.parametrize("as_json", [True, False])
def test_policy_check_names_the_fault_and_leaves_with_two(folder: Path, as_json: bool) -> None:
    path = folder / "d1.yaml"
    path.write_text(path.read_text().replace("price: 1800", "price: 18.5"))
    result = CliRunner().invoke(
        policy.app, ["check", "--folder", str(folder), *(["--json"] if as_json else [])]
    )
    assert result.exit_code == 2
    assert "prices.lighting.price" in result.output and "18.5 is not a price" in result.output
    if as_json:
        assert json.loads(result.output)["ok"] is False
