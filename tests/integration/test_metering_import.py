"""Files of readings: good rows in, bad rows back, nothing lost, nothing twice."""

from __future__ import annotations

import io
import json
import string
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection
from typer.testing import CliRunner

from tests.factories import metering as make
from thapsang.domain.metering import operations, queries
from thapsang.domain.metering.operations import ImportOutcome, checking, reading_files
from thapsang.domain.metering.queries import refusals
from thapsang.domain.metering.queries.refusals import explain
from thapsang.interfaces.cli.readings import app as readings_command
from thapsang.kit.files import operations as files

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 11, 23, 3, tzinfo=UTC)
FULL = "serial,register,read_on,value,quality,purpose"
SEP, OCT, NOV = date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"


@pytest.fixture(autouse=True, params=[checking.WHOLE_FROM_ROWS, 1], ids=["few-rows", "many-rows"])
def _places(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule holds whether places are asked for chunk by chunk or read as a whole."""
    monkeypatch.setattr(checking, "WHOLE_FROM_ROWS", request.param)


def load(*lines: str, header: str = "serial,register,read_on,value,quality", **more: Any) -> ImportOutcome:
    content = "\n".join([header, *lines, ""]).encode()
    return operations.import_file(content, name="so-ghi.csv", at=AT, **more)


def stored(installation: Any, kind: str = "total") -> dict[date, tuple[int, str]]:
    register = make.registers(installation)[kind]
    rows = make.model("metering.Reading").objects.filter(register=register)
    return {row.read_on: (row.value, row.quality) for row in rows}


def told(outcome: ImportOutcome) -> list[tuple[int, str, str]]:
    rows = make.model("metering.RejectedReading").objects.filter(
        import_file_id=outcome.import_id, resolved_at=None
    )
    return [(row.row, row.action, row.code) for row in rows.order_by("row")]


@pytest.fixture
def hung() -> Any:
    """A meter that counted 100 in August, September and October."""
    installation = make.meter(make.supply_point(make.book()))
    for day, value in ((date(2026, 8, 1), 1000), (SEP, 1100), (OCT, 1200)):
        make.reading(installation, day, value)
    return installation


def row(installation: Any, value: object, day: object = NOV, kind: str = "total", quality: str = "") -> str:
    return f"{installation.meter.serial},{kind},{day},{value},{quality}"


def test_good_rows_go_in(hung: Any) -> None:
    outcome = load(row(hung, 1310))
    assert (outcome.status, outcome.rows, outcome.accepted, outcome.rejected) == ("finished", 1, 1, 0)
    assert stored(hung)[NOV] == (1310, "A")
    assert outcome.missing == []


@pytest.mark.parametrize(
    ("value", "day", "kind", "quality", "code"),
    [
        (900, NOV, "total", "", "backwards"),
        (5000, NOV, "total", "", "spike"),
        (1300, NOV, "peak", "", "unknown-register"),
        (1300, NOV, "tong", "", "unknown-register"),
        (1300, "01/11/2026", "total", "", "bad-date"),
        (1300, "2026-02-30", "total", "", "bad-date"),
        (1300, "1900-01-01", "total", "", "bad-date"),
        (1300, "2026-12-01", "total", "", "future-date"),
        (1300, "2019-11-01", "total", "", "not-installed"),
        ("1.300", NOV, "total", "", "not-a-number"),
        ("", NOV, "total", "", "not-a-number"),
        ("-5", NOV, "total", "", "negative"),
        (1_000_000, NOV, "total", "", "too-many-digits"),
        ("9" * 30, NOV, "total", "", "too-many-digits"),
        (1300, NOV, "total", "E", "bad-quality"),
        (1300, NOV, "total", "A,giá", "bad-purpose"),
        (1205, OCT, "total", "", "duplicate"),
        (1250, SEP.replace(day=15), "total", "", "above-next"),
    ],
)
def test_bad_rows_come_back(
    hung: Any, value: object, day: object, kind: str, quality: str, code: str
) -> None:
    before = stored(hung)
    quality, _, purpose = quality.partition(",")
    outcome = load(row(hung, value, day, kind, quality) + f",{purpose}", header=FULL)
    assert (outcome.status, outcome.accepted, outcome.rejected) == ("finished", 0, 1)
    assert told(outcome) == [(1, "reject", code)]
    assert stored(hung) == before
    back = make.model("metering.RejectedReading").objects.get()
    assert back.raw["value"] == str(value) and back.raw["serial"] == hung.meter.serial
    for language in ("vi", "en"):
        said = queries.rejections(import_id=outcome.import_id, language=language)[0]
        assert "?" not in said.reason and said.remedy
        assert (said.reason, said.remedy) == explain(code, {**back.raw, **back.figures}, language)


def test_unknown_meter_and_empty_serial(hung: Any) -> None:
    outcome = load("999,total,2026-11-01,5,", ",total,2026-11-01,5,", row(hung, 1300))
    assert told(outcome) == [(1, "reject", "unknown-meter"), (2, "reject", "no-serial")]
    assert (outcome.accepted, outcome.by_code) == (1, {"unknown-meter": 1, "no-serial": 1})


def test_a_quotation_mark_that_is_not_closed_spoils_its_own_row_only(hung: Any) -> None:
    outcome = load(*(f"ZZ{i},total,2026-11-01,5," for i in range(3)), '"' + row(hung, 1310), row(hung, 1310))
    assert (outcome.rows, outcome.accepted, outcome.by_code) == (5, 1, {"unknown-meter": 4})
    raw = make.model("metering.RejectedReading").objects.get(row=4).raw
    assert raw["serial"] == f'"{hung.meter.serial}'
    closed = ",".join(f'"{part}"' for part in row(hung, 1310).split(","))
    assert load(closed, f'{row(hung, 1310)}"').repeated == 1


@pytest.mark.parametrize("line", ["{serial}\0,total,2026-11-01,1310,", "{serial},total,2026-11-01,1310\0,",
                                  "\0{serial},total,2026-11-01,1310,,,,"])  # fmt: skip
def test_a_nul_in_a_row_spoils_that_row_only(hung: Any, line: str) -> None:
    outcome = load(line.format(serial=hung.meter.serial), row(hung, 1310))
    assert (outcome.status, outcome.rows, outcome.accepted, outcome.rejected) == ("finished", 2, 1, 1)
    assert "\ufffd" in "".join(queries.rejections(import_id=outcome.import_id)[0].raw.values())


def test_a_nul_in_a_parquet_spoils_that_row_only(hung: Any, tmp_path: Path) -> None:
    path = tmp_path / "so.parquet"
    serials = [hung.meter.serial, f"{hung.meter.serial}\0"]
    pl.DataFrame(
        {"serial": serials, "register": ["total"] * 2, "read_on": [NOV] * 2, "value": [1310] * 2}
    ).write_parquet(path)
    outcome = operations.import_file(path, name=path.name, at=AT)
    assert (outcome.status, outcome.accepted, outcome.by_code) == ("finished", 1, {"unknown-meter": 1})


def test_a_file_of_nothing_but_zeros_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "holes.csv"
    with path.open("wb") as sink:
        sink.truncate(1 << 20)
    outcome = operations.import_file(path, name=path.name, at=AT)
    assert (outcome.status, outcome.problem_code) == ("refused", "file-header")
    assert len(outcome.problem) < 400


def test_roll_over_is_accepted_and_told() -> None:
    installation = make.meter(make.supply_point(make.book()), digits=5)
    make.reading(installation, OCT, 99_900)
    outcome = load(row(installation, 55))
    assert (outcome.accepted, outcome.flagged, told(outcome)) == (1, 1, [(1, "flag", "roll-over")])
    for language in ("vi", "en"):
        said = queries.rejections(import_id=outcome.import_id, language=language)[0]
        assert "155" in said.reason and "99900" in said.reason and "2026-10-01" in said.reason


def test_zero_on_an_active_point_goes_in_with_a_flag(hung: Any) -> None:
    outcome = load(row(hung, 1200))
    assert (outcome.accepted, told(outcome)) == (1, [(1, "flag", "zero")])


def test_a_checked_reading_passes_the_spike_and_keeps_its_mark(hung: Any) -> None:
    outcome = load(row(hung, 5000, quality="v"))
    assert (outcome.accepted, told(outcome)) == (1, [])
    assert stored(hung)[NOV] == (5000, "V")


def test_the_spike_is_measured_against_the_same_month_of_last_year(hung: Any) -> None:
    make.reading(hung, date(2025, 10, 1), 100)
    make.reading(hung, date(2025, 11, 1), 900)  # 800 in October 2025: 1,900 now is no spike
    assert load(row(hung, 3100)).accepted == 1


def test_one_bad_reading_does_not_drag_the_next_along(hung: Any) -> None:
    outcome = load(row(hung, 90_000, "2026-10-15"), row(hung, 1300))
    assert told(outcome) == [(1, "reject", "spike")]
    assert stored(hung)[NOV] == (1300, "A")


def test_repeats_and_contradictions_inside_one_file(hung: Any) -> None:
    outcome = load(row(hung, 1300), row(hung, 1300), row(hung, 1301), row(hung, 1200, OCT))
    assert (outcome.accepted, outcome.repeated, outcome.rejected) == (1, 2, 1)
    assert told(outcome) == [(3, "reject", "duplicate")]


def test_a_reading_takes_the_place_of_an_estimate_and_the_estimate_is_kept(hung: Any) -> None:
    make.reading(hung, NOV, 1290, quality="E", source="estimate")
    outcome = load(row(hung, 1310))
    assert (outcome.accepted, outcome.replaced) == (1, 1)
    assert stored(hung)[NOV] == (1310, "A")
    old = make.model("metering.SupersededReading").objects.get()
    assert (old.value, old.quality, old.read_on, old.reason) == (1290, "E", NOV, "import so-ghi.csv")


def test_a_reading_below_an_estimate_says_so(hung: Any) -> None:
    make.reading(hung, date(2026, 10, 20), 1500, quality="E", source="estimate")
    assert told(load(row(hung, 1310))) == [(1, "reject", "below-estimate")]


def test_points_of_the_book_without_a_reading_are_counted(hung: Any) -> None:
    book = hung.supply_point.book
    make.meter(make.supply_point(book))
    make.meter(make.supply_point(book), kinds=("normal", "peak", "offpeak"))
    make.meter(make.supply_point(book, status="closed"))
    outcome = load(row(hung, 1310))
    assert outcome.missing == [{"book": book.code, "read_on": "2026-11-01", "missing": 4}]


def test_the_second_import_of_a_file_changes_nothing_and_says_so(hung: Any) -> None:
    first = load(row(hung, 1310), "999,total,2026-11-01,5,")
    second = load(row(hung, 1310), "999,total,2026-11-01,5,")
    assert not first.already and second.already
    assert (second.import_id, second.accepted, second.rejected) == (first.import_id, 1, 1)
    assert make.model("metering.ReadingImport").objects.count() == 1
    assert len(told(second)) == 1


def test_again_judges_the_rejected_rows_once_more(hung: Any) -> None:
    load(row(hung, 1310), "NEW1,total,2026-11-01,5,")
    make.meter(make.supply_point(hung.supply_point.book), serial="NEW1")
    outcome = load(row(hung, 1310), "NEW1,total,2026-11-01,5,", again=True)
    assert (outcome.accepted, outcome.repeated, told(outcome)) == (1, 1, [])


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_separators_bom_order_and_case_of_the_header(hung: Any, mark: str, bom: str) -> None:
    lines = [["Value", "READ_ON", "serial", "register"], ["1310", "2026-11-01", hung.meter.serial, "total"]]
    content = bom + "\r\n".join(mark.join(line) for line in lines)
    outcome = operations.import_file(content.encode(), name="x.csv", at=AT)
    assert (outcome.problem, outcome.accepted) == ("", 1)


def test_lines_with_too_many_fields_come_back_and_keep_the_numbering(hung: Any) -> None:
    outcome = load(row(hung, 1250, "2026-10-15"), "a,b,c,d,e,f", row(hung, 900), "x", row(hung, 1310))
    assert told(outcome) == [
        (2, "reject", "malformed"),
        (3, "reject", "backwards"),
        (4, "reject", "malformed"),
    ]
    assert outcome.rows == 5
    assert make.model("metering.RejectedReading").objects.get(row=2).raw == {"line": "a,b,c,d,e,f"}


def test_a_wrong_header_is_refused_with_the_right_one() -> None:
    outcome = load("1,2,3", header="serial,so_doc,read_on")
    assert outcome.status == "refused"
    for words in ("thiếu cột: register, value", "cột lạ: so_doc", "serial,register,read_on,value,quality"):
        assert words in outcome.problem
    english = queries.reading_import(import_id=outcome.import_id, language="en").problem
    for words in ("missing: register, value", "not known: so_doc", "serial,register,read_on,value,quality"):
        assert words in english
    assert (outcome.problem_code, outcome.problem) == (
        "file-header",
        queries.imports(status="refused")[0].problem,
    )


def test_every_code_has_words_of_the_same_figures_in_both_languages() -> None:
    def figures(words: tuple[str, str]) -> list[str]:
        return sorted(name for text in words for _, name, _, _ in string.Formatter().parse(text) if name)

    assert refusals.VIETNAMESE.keys() == refusals.ENGLISH.keys()
    for code, words in refusals.VIETNAMESE.items():
        assert figures(words) == figures(refusals.ENGLISH[code]), code


def test_words_stored_before_codes_told_them_are_kept(hung: Any) -> None:
    outcome = load(row(hung, 1200, OCT.replace(day=15)), row(hung, "x"))
    rows = make.model("metering.RejectedReading").objects.filter(code="not-a-number")
    rows.update(reason="Chữ cũ.", remedy="Việc cũ.")
    make.model("metering.ReadingImport").objects.update(problem="Lời cũ.")
    found = [
        r for r in queries.rejections(import_id=outcome.import_id, language="en") if r.action == "reject"
    ]
    assert [(r.reason, r.remedy) for r in found] == [("Chữ cũ.", "Việc cũ.")]
    assert queries.reading_import(import_id=outcome.import_id, language="en").problem == "Lời cũ."


def test_the_file_given_back_speaks_the_language_asked_for(hung: Any) -> None:
    outcome = load(row(hung, "mười"))
    vietnamese, english = (
        "".join(queries.rejected_csv(import_id=outcome.import_id, language=language))
        for language in ("vi", "en")
    )
    assert "Chỉ số «mười» không phải số nguyên." in vietnamese
    assert "The reading «mười» is no whole number." in english
    assert vietnamese.splitlines()[0] == english.splitlines()[0]


def test_the_command_speaks_english_and_writes_the_file_for_staff_in_vietnamese(
    hung: Any, tmp_path: Path
) -> None:
    given, back = tmp_path / "so.csv", tmp_path / "tra-lai.csv"
    given.write_text(f"serial,register,read_on,value,quality\n{row(hung, 'mười')}\n", encoding="utf-8")
    command = ["import", str(given), "--rejected", str(back)]
    assert CliRunner().invoke(readings_command, command).exit_code == 3
    assert "không phải số nguyên" in back.read_text(encoding="utf-8-sig")
    CliRunner().invoke(readings_command, [*command, "--language", "en"])
    assert "is no whole number" in back.read_text(encoding="utf-8-sig")
    given.write_text("a,b\n1,2\n", encoding="utf-8")
    refused = CliRunner().invoke(readings_command, ["import", str(given), "--json"])
    found = json.loads(refused.stdout)
    assert (refused.exit_code, found["problem_code"]) == (2, "file-header")
    assert found["problem"].startswith("The header is wrong: missing: serial")
    missing = CliRunner().invoke(readings_command, ["rejected", "999999"])
    assert missing.exit_code == 2 and "There is no import 999999" in missing.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "rỗng"),
        (b"serial,register,read_on,value\n", "chỉ có dòng tiêu đề"),
        ("serial,register,read_on,value\nĐ,total,2026-11-01,1\n".encode("utf-16"), "UTF-8"),
        (b"serial,register,read_on,value\n\xff\xfe,total,2026-11-01,1\n", "UTF-8"),
    ],
)
def test_files_that_cannot_be_read_are_refused_and_kept(content: bytes, words: str) -> None:
    outcome = operations.import_file(content, name="x.csv", at=AT)
    assert outcome.status == "refused" and words in outcome.problem
    sha = make.model("metering.ReadingImport").objects.get().sha256
    with files.open_file(sha256=sha) as source:
        assert source.read() == content


def parquet(installation: Any, values: list[int]) -> bytes:
    frame = pl.DataFrame(
        {
            "serial": [installation.meter.serial] * len(values),
            "register": ["total"] * len(values),
            "read_on": [date(2026, 10, 2 + n) for n in range(len(values))],
            "value": values,
        }
    )
    frame.write_parquet(sink := io.BytesIO())
    return sink.getvalue()


def test_parquet(hung: Any) -> None:
    outcome = operations.import_file(parquet(hung, [1201, 1203, 1100]), name="x.parquet", at=AT)
    assert (outcome.accepted, told(outcome)) == (2, [(3, "reject", "backwards")])


def test_a_parquet_column_of_lists_is_refused_by_name(hung: Any) -> None:
    frame = pl.DataFrame(
        {
            "serial": [hung.meter.serial],
            "register": ["total"],
            "read_on": [date(2026, 10, 2)],
            "value": [[1201, 1]],
        }
    )
    frame.write_parquet(sink := io.BytesIO())
    outcome = operations.import_file(sink.getvalue(), name="x.parquet", at=AT)
    assert outcome.status == "refused" and "value (large_list" in outcome.problem


def test_a_truncated_parquet_file_is_refused(hung: Any) -> None:
    before = stored(hung)
    outcome = operations.import_file(parquet(hung, [1201, 1203])[:-20], name="x.parquet", at=AT)
    assert outcome.status == "refused" and "Parquet" in outcome.problem
    assert stored(hung) == before


def test_a_refused_file_leaves_nothing_of_its_good_beginning(
    hung: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_files, "CHUNK_ROWS", 2)
    monkeypatch.setattr(reading_files, "_BLOCK_BYTES", 128)
    before = stored(hung)
    lines = [row(hung, 1201 + n, f"2026-10-{2 + n:02}") for n in range(20)]
    content = (
        "\n".join(["serial,register,read_on,value,quality", *lines, ""]).encode()
        + b"\xff,total,2026-11-01,1,\n"
    )
    outcome = operations.import_file(content, name="x.csv", at=AT)
    assert outcome.status == "refused"
    assert stored(hung) == before


def test_chunks_see_each_other(hung: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_files, "CHUNK_ROWS", 2)
    monkeypatch.setattr(reading_files, "_BLOCK_BYTES", 128)
    lines = [row(hung, 1201 + n, f"2026-10-{2 + n:02}") for n in range(20)]
    lines[7] = row(hung, 100, "2026-10-09")
    lines.insert(11, "a,b")
    outcome = load(*lines, row(hung, 1220, "2026-10-21"))
    assert told(outcome) == [(8, "reject", "backwards"), (12, "reject", "malformed")]
    assert (outcome.rows, outcome.accepted, outcome.repeated) == (22, 19, 1)


def test_two_imports_of_the_same_file_at_once(hung: Any) -> None:
    outcomes: list[ImportOutcome] = []

    def work() -> None:
        try:
            outcomes.append(load(row(hung, 1310)))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.already for outcome in outcomes) == [False, True, True, True]
    assert make.model("metering.ReadingImport").objects.count() == 1
    assert stored(hung)[NOV] == (1310, "A")


def test_two_files_with_the_same_readings_at_once(hung: Any) -> None:
    outcomes: list[ImportOutcome] = []

    def work(number: int) -> None:
        try:
            outcomes.append(load(row(hung, 1310), f"unknown{number},total,2026-11-01,1,"))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((o.accepted, o.repeated, o.rejected) for o in outcomes) == [(0, 1, 1)] * 3 + [(1, 0, 1)]


def test_an_import_refuses_to_run_inside_a_transaction(hung: Any) -> None:
    from thapsang.kit.db.transactions import transaction

    with transaction(), pytest.raises(operations.ImportInsideTransactionError):
        load(row(hung, 1310))
