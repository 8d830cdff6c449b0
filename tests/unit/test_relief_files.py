"""Relief files and scenarios are read strictly: what is wrong is named by file and key, with the fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories.rating import NGHE_AN, REFERENCE, book
from tests.factories.relief import fictional, reliefs
from thapsang.engines.rating import PolicyError, load_book
from thapsang.engines.relief import load_reliefs, load_scenarios, reliefs_from_content
from thapsang.interfaces.cli import policy

Edit = Callable[[str], str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The fictional distributor with one scenario, so that a test can count."""
    made = fictional(tmp_path)
    for path in (made / "scenarios" / "reliefs").glob("*.yaml"):
        if path.name != "flood.yaml":
            path.unlink()
    return made


def swap(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text, f"the test expects {old!r} in the file"
        return text.replace(old, new, 1)

    return edit


BASIS = """basis:
  code: N2
  document: {vi: "Nghị quyết 2", en: "Resolution 2"}
  signed: 2030-02-20
"""
HIGH = "{categories: [production], voltages: [high]}"

# file, edit, key in the message, words in the message
FAULTS = [
    ("thanks.yaml", swap("stack:", "stacks:"), "stacks", "unknown key"),
    (
        "thanks.yaml",
        swap("code: thanks", "code: thanks\ncode: more"),
        "line 4",
        "duplicate key 'code'. Keep one",
    ),
    ("thanks.yaml", swap(BASIS, ""), "basis", "missing. Add `basis:`"),
    (
        "thanks.yaml",
        swap('    article: {vi: "Điều 1", en: "article 1"}\n', ""),
        "rules[0].article",
        "missing",
    ),
    ("thanks.yaml", swap('    source: "the gazette"\n', ""), "rules[0].source", "missing"),
    ("thanks.yaml", swap("signed: 2030-02-20", "signed: soon"), "basis.signed", "is not a date"),
    (
        "thanks.yaml",
        swap("[residential, tenant]", "[residential, castle]"),
        "rules[0].who.categories[1]",
        "'castle' is not known. Use one of: residential",
    ),
    (
        "thanks.yaml",
        swap(", scaled_by: none}", "}"),
        "rules[0].threshold.scaled_by",
        "without a scaling rule. Add `scaled_by: \\[days, households\\]`",
    ),
    (
        "thanks.yaml",
        swap("scaled_by: none", "scaled_by: [moons]"),
        "threshold.scaled_by[0]",
        "'moons' is not known",
    ),
    ("thanks.yaml", swap("above: 10, up_to: 100, ", ""), "rules[0].threshold", "no limit is given"),
    ("thanks.yaml", swap("up_to: 100", "up_to: 10"), "threshold.up_to", "not more than above"),
    ("thanks.yaml", swap("up_to: 100", "up_to: -1"), "threshold.up_to", "-1 is not a number of kWh"),
    ("thanks.yaml", swap("percent: 90", "percent: 101"), "rules[0].what.percent", "101 is not a percentage"),
    (
        "thanks.yaml",
        swap("kind: percent-off-bill", "kind: gift"),
        "rules[0].what.kind",
        "'gift' is not known",
    ),
    ("thanks.yaml", swap("what: {kind: free}", "what: free"), "rules[1].what.kind", "None is not known"),
    (
        "thanks.yaml",
        swap("rounding: amount-half-up", "rounding: up"),
        "what.rounding",
        "Use one of: amount-half-up",
    ),
    ("thanks.yaml", swap("code: rumour", "code: small"), "rules[1].code", "'small' is listed twice"),
    (
        "thanks.yaml",
        swap("    doubts: {what: hearsay, who: one-paper}\n", ""),
        "rules[1].applied",
        "must say why",
    ),
    ("thanks.yaml", swap("{what: hearsay", "{what: gossip"), "rules[1].doubts.what", "'gossip' is not known"),
    ("thanks.yaml", swap("until: 2030-04-01", "until: 2030-03-01"), "valid.until", "is not after from"),
    (
        "thanks.yaml",
        swap("by: invoice-date, from: 2030-03-01", "by: bill-month, from: 2030-03-02"),
        "valid.from",
        "not the first of a month",
    ),
    ("thanks.yaml", swap("by: invoice-date", "by: moon"), "valid.by", "'moon' is not known"),
    ("thanks.yaml", swap("order: 20", "order: 10"), "stack.order", "10 is the order of flood too"),
    (
        "thanks.yaml",
        swap("excludes: [gift]", "excludes: [thanks]"),
        "stack.excludes[0]",
        "'thanks' is not another programme. Use one of: flood, gift",
    ),
    ("thanks.yaml", swap("base: bill", "base: half"), "stack.base", "Use one of: rest, bill"),
    (
        "thanks.yaml",
        swap("source: utility", "source: lottery"),
        "funding.source",
        "Use one of: utility, state",
    ),
    ("thanks.yaml", swap("code: thanks", "code: flood"), "valid.by", "valid by use in another file"),
    (
        "flood.yaml",
        swap("lists: {flooded", "lists: {drowned"),
        "rules[2].who.lists.drowned",
        "unknown list. Use one of: named",
    ),
    (
        "flood.yaml",
        swap("{refused: last-billed-day}", "{refused: someday}"),
        "not_lists.refused",
        "'someday' is no day. Write a date",
    ),
    ("flood.yaml", swap("{refused: last-billed-day}", "{refused: 7}"), "not_lists.refused", "7 is no day"),
    ("flood.yaml", swap("who: {uses: [shelter]}", "who: {}"), "rules[0].who", "nobody is named"),
    ("flood.yaml", swap("uses: [shelter]", "uses: [tent]"), "rules[0].who.uses[0]", "'tent' is not known"),
    (
        "flood.yaml",
        swap(HIGH, "{voltages: [high]}"),
        "rules[1].who.categories",
        "moved to another price list",
    ),
    (
        "flood.yaml",
        swap("category: lighting", "category: castle"),
        "rules[1].what.category",
        "'castle' is not known",
    ),
    ("flood.yaml", swap("tiers: [1, 2]", "tiers: [0]"), "what.tiers[0]", "0 is not a tier"),
    (
        "gift.yaml",
        swap("category: residential, tier: 1", "category: lighting, tier: 1"),
        "what.category",
        "lighting has no tiers in every decision",
    ),
    (
        "gift.yaml",
        swap("tier: 1", "tier: 3"),
        "what.tier",
        "3 is not a tier of that category in every decision",
    ),
    ("gift.yaml", swap("kind: programme", "kind: doubts"), "kind", "second file of this kind"),
    ("gift.yaml", swap("kind: programme", "kind: programmes"), "kind", "'programmes' is not known"),
    ("gift.yaml", lambda _: "- a\n", "", "not a mapping"),
    ("doubts.yaml", lambda text: "kind: programme\n", "", "no file of kind 'doubts'"),
    ("vocabulary.yaml", swap("code: shelter", "code: inn"), "uses[1].code", "'inn' is listed twice"),
    ("vocabulary.yaml", swap("scope: area", "scope: moon"), "lists[2].scope", "Use one of: point, area"),
]


@pytest.mark.parametrize(("file", "edit", "key", "words"), FAULTS)
def test_a_fault_is_named_by_file_key_and_fix(
    folder: Path, file: str, edit: Edit, key: str, words: str
) -> None:
    path = folder / "reliefs" / file
    path.write_text(edit(path.read_text()))
    with pytest.raises(PolicyError, match=words) as raised:
        load_reliefs(folder / "reliefs", load_book(folder / "tariffs"))
    assert key in str(raised.value)
    assert "fictional/reliefs" in raised.value.file
    assert raised.value.remedy


def editions(folder: Path, edit: Edit) -> None:
    """Add a second edition of the thanks, from May."""
    path = folder / "reliefs" / "thanks.yaml"
    later = path.read_text().replace("2030-03-01, until: 2030-04-01", "2030-05-01, until: 2030-06-01")
    (folder / "reliefs" / "thanks-again.yaml").write_text(edit(later))
    load_reliefs(folder / "reliefs", load_book(folder / "tariffs"))


def test_a_programme_may_have_editions_that_do_not_overlap(folder: Path) -> None:
    editions(folder, lambda text: text)
    with pytest.raises(
        PolicyError, match=r"overlaps thanks from 2030-03-01 until 2030-04-01\. Set that one's"
    ):
        editions(folder, swap("from: 2030-05-01", "from: 2030-03-31"))
    path = folder / "reliefs" / "thanks.yaml"
    path.write_text(path.read_text().replace(", until: 2030-04-01", ""))
    with pytest.raises(PolicyError, match="until further notice"):
        editions(folder, swap("2030-03-01", "2030-05-01"))


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no relief file here"):
        load_reliefs(tmp_path, book())


def test_what_is_kept_makes_the_same_programmes() -> None:
    original = reliefs()
    kept = json.loads(json.dumps(original.content))
    mixed = dict(reversed(kept.items()))
    again = reliefs_from_content(kept, book())
    assert again == original and again.sha256 == original.sha256
    assert reliefs_from_content(mixed, book()).references == original.references


def test_a_changed_percentage_changes_the_hash(folder: Path) -> None:
    tariffs = load_book(folder / "tariffs")
    before = load_reliefs(folder / "reliefs", tariffs).sha256
    path = folder / "reliefs" / "thanks.yaml"
    path.write_text(path.read_text().replace("percent: 90", "percent: 89"))
    assert load_reliefs(folder / "reliefs", tariffs).sha256 != before


# ---- what Nghệ An's files say


def test_the_five_rounds_and_the_support_are_there_in_stacking_order() -> None:
    codes = [programme.code for programme in reliefs().programmes]
    assert codes == [*(f"covid-{n}" for n in range(1, 6)), "support-30-kwh", "support-30-kwh"]
    assert reliefs().distributor == "nghe-an"


def test_what_is_doubtful_says_so_at_the_reference_of_a_line() -> None:
    book = reliefs()
    by_code = {(p.code, r.code): r for p in book.programmes for r in p.rules}
    fiction = reliefs(REFERENCE)
    flood = {r.code: r for p in fiction.programmes for r in p.rules if p.code == "flood"}
    sure = fiction.reference(flood["shelter"].reference)
    assert (sure.doubt, sure.confidence) == ("", "V2")
    months = by_code["covid-1", "accommodation"]
    assert months.doubts["valid"].code == "months-round-1"
    assert "kỳ hóa đơn tháng 5 đến tháng 7" in book.reference(months.reference).doubt
    cliff = by_code["covid-4", "up-to-200"]
    assert book.reference(cliff.reference).confidence == "INF"
    assert "theo số ngày và số hộ" in book.reference(cliff.reference).doubt
    assert cliff.doubts["threshold"].code == "threshold-scaling" and "funding" in cliff.doubts
    assert book.reference(by_code["covid-5", "above-200"].reference).confidence == "MEM"
    assert not by_code["covid-2", "business"].applied
    assert all(bool(r.doubt) == bool(r.doubt_en) == (r.confidence != "V2") for r in book.references)


def test_a_reference_is_found_by_its_number_only() -> None:
    assert reliefs().reference(1).number == 1
    for number in (0, 99):
        with pytest.raises(LookupError, match=f"not {number}"):
            reliefs().reference(number)


# ---- scenarios

SCENARIO_FAULTS = [
    (swap("kind: relief-scenarios", "kind: scenarios"), "kind", "Use one of: relief-scenarios"),
    (swap("category: residential", "category: castle"), "given.category", "'castle' is not known"),
    (swap("      kwh: 150\n", ""), "given.kwh", "give either kwh or bands"),
    (swap("kwh: 150", "kwh: 150\n      bands: {normal: 1, peak: 1, offpeak: 1}"), "given.kwh", "give either"),
    (swap("kwh: 150", "kwh: much"), "given.kwh", "'much' is not a whole number"),
    (swap("flooded:", "drowned:"), "given.lists.drowned", "unknown list"),
    (swap("net: 200000", "nett: 200000"), "expected.nett", "unknown key"),
    (swap("amount: 32143, ", ""), "expected.relief[0].amount", "missing"),
    (swap("code: half-a-period", "kode: x"), "kode", "unknown key"),
]


@pytest.mark.parametrize(("edit", "key", "words"), SCENARIO_FAULTS)
def test_a_faulty_scenario_is_named(folder: Path, edit: Edit, key: str, words: str) -> None:
    path = folder / "scenarios" / "reliefs" / "flood.yaml"
    path.write_text(edit(path.read_text()))
    tariffs = load_book(folder / "tariffs")
    with pytest.raises(PolicyError, match=words) as raised:
        load_scenarios(path.parent, tariffs, load_reliefs(folder / "reliefs", tariffs))
    assert key in str(raised.value) and "flood.yaml" in raised.value.file


def test_two_scenarios_of_one_code_are_refused(folder: Path) -> None:
    path = folder / "scenarios" / "reliefs" / "flood.yaml"
    (path.parent / "more.yaml").write_text(path.read_text())
    tariffs = load_book(folder / "tariffs")
    with pytest.raises(PolicyError, match="'half-a-period' is listed twice"):
        load_scenarios(path.parent, tariffs, load_reliefs(folder / "reliefs", tariffs))


# ---- the command


def run(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(policy.app, list(options))
    return result.exit_code, result.output


def test_the_installations_cases_pass() -> None:
    code, output = run("test")
    assert code == 0 and " 0 failed." in output
    assert "pass  round-4-at-201-kwh" in output


def test_a_case_that_comes_out_differently_fails_with_both_values(folder: Path) -> None:
    path = folder / "scenarios" / "reliefs" / "flood.yaml"
    path.write_text(path.read_text().replace("32143", "32144").replace("net: 200000", "net: 200001"))
    code, output = run("test", "--folder", str(folder))
    assert code == 1 and "0 passed, 1 failed." in output
    assert "net: expected 200001, came out 200000." in output
    assert "expected programme flood, rule homes, kwh 96, amount 32144, vat 3214" in output
    code, output = run("test", "--folder", str(folder), "--json")
    found = json.loads(output)
    assert code == 1 and (found["ok"], found["failed"]) == (False, 1)
    assert found["scenarios"][0]["found"]["relief"][0]["amount"] == 32143


def test_lines_too_many_and_too_few_are_told(folder: Path) -> None:
    path = folder / "scenarios" / "reliefs" / "flood.yaml"
    line = "        - {programme: flood, rule: homes, kwh: 96, amount: 32143, vat: 3214}\n"
    path.write_text(path.read_text().replace(line, line + line))
    assert "relief 2: expected programme flood" in run("test", "--folder", str(folder))[1]
    path.write_text(path.read_text().replace(line + line, "").replace("relief:\n", "relief: []\n"))
    code, output = run("test", "--folder", str(folder))
    assert code == 1 and "relief 1: not expected, came out programme flood" in output


def test_a_case_that_cannot_be_rated_fails(folder: Path) -> None:
    path = folder / "scenarios" / "reliefs" / "flood.yaml"
    path.write_text(path.read_text().replace("from: 2030-02-01", "from: 2029-02-01"))
    code, output = run("test", "--folder", str(folder))
    assert code == 1 and "cannot be rated: no-price" in output


def test_a_faulty_relief_leaves_with_two_and_is_named(folder: Path) -> None:
    path = folder / "reliefs" / "flood.yaml"
    path.write_text(path.read_text().replace("uses: [shelter]", "uses: [tent]"))
    code, output = run("test", "--folder", str(folder), "--json")
    assert code == 2 and json.loads(output)["key"] == "rules[0].who.uses[0]"
    code, output = run("check", "--folder", str(folder / "tariffs"), "--json")
    assert code == 2 and json.loads(output)["file"].endswith("reliefs/flood.yaml")


def test_check_tells_the_reliefs_too(folder: Path) -> None:
    code, output = run("check", "--folder", str(folder / "tariffs"), "--json")
    found = json.loads(output)["reliefs"]
    assert code == 0 and [p["code"] for p in found["programmes"]] == ["flood", "thanks", "gift"]
    assert found["programmes"][1]["not_applied"] == ["rumour"]
    assert "relief files are right" in run("check", "--folder", str(NGHE_AN))[1]
