"""Worked cases in YAML: an input, a bill month, and the lines that must come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from thapsang.engines.policies import Field, Words, read_folder
from thapsang.engines.rating import BANDS, TERMS, USAGE, TariffBook, rate
from thapsang.engines.relief.batch import relieve
from thapsang.engines.relief.book import ReliefBook
from thapsang.engines.relief.columns import EVIDENCE, FACTS

_POINT = 1
_AREA = "area"
_GIVEN = ("category", "from", "until", "bill_month", "invoice_date")
_MAYBE = ("voltage", "kwh", "bands", "kvarh", "household_quarters", "use", "lists")
_EXPECTED = ("lines", "net", "relief", "cash", "after")
_LINE = ("programme", "rule", "kwh", "amount", "vat")
_AFTER = ("net", "vat", "total")
_RATED = (("kwh", "price", "amount"), ("tier", "band"))


@dataclass(frozen=True)
class Stay:
    """The case's point, or its area, on a list on the days [start, end)."""

    code: str
    start: date
    end: date | None


@dataclass(frozen=True)
class Scenario:
    """One case: `given` in the engine's terms, `expected` as read from the file."""

    file: str
    code: str
    name: Words
    category: str
    voltage: str
    start: date
    end: date
    bill_month: date
    invoice_date: date
    kwh: int
    bands: tuple[int, ...] | None
    kvarh: int
    household_quarters: int
    use: str | None
    lists: tuple[Stay, ...]
    expected: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a scenario went: what came out, and each difference from what was expected, in words."""

    scenario: Scenario
    found: dict[str, Any]
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all that was expected came out."""
        return not self.differences


def load_scenarios(folder: Path, tariffs: TariffBook, reliefs: ReliefBook) -> tuple[Scenario, ...]:
    """Read every scenario of a folder; raises PolicyError naming the file, the key and the fix."""
    found: list[Scenario] = []
    for file, value in read_folder(folder, "scenario").items():
        fields = Field(file, "", value).mapping(("kind", "scenarios"))
        fields["kind"].choice(("relief-scenarios",))
        for entry in fields["scenarios"].items():
            scenario = _ScenarioReader(entry, tariffs, reliefs).scenario()
            if scenario.code in {other.code for other in found}:
                entry.child("code", None).fail(f"{scenario.code!r} is listed twice.", "Keep one of the two.")
            found.append(scenario)
    return tuple(found)


class _ScenarioReader:
    def __init__(self, entry: Field, tariffs: TariffBook, reliefs: ReliefBook) -> None:
        self.file, self.tariffs, self.reliefs = entry.file, tariffs, reliefs
        self.fields = entry.mapping(("code", "vi", "en", "given", "expected"))
        self.given = self.fields["given"].mapping(_GIVEN, _MAYBE)

    def scenario(self) -> Scenario:
        given = self.given
        bands = self._bands()
        if (bands is None) == ("kwh" not in given):
            self.fields["given"].child("kwh", None).fail(
                "give either kwh or bands.", "Write `kwh:` for one register, `bands:` for three."
            )
        return Scenario(
            file=self.file,
            code=self.fields["code"].text(),
            name=Words(self.fields["vi"].text(), self.fields["en"].text()),
            category=given["category"].choice(tuple(self.tariffs.categories)),
            voltage=given["voltage"].choice(tuple(self.tariffs.voltages))
            if "voltage" in given
            else self._low(),
            start=given["from"].day(),
            end=given["until"].day(),
            bill_month=given["bill_month"].day(),
            invoice_date=given["invoice_date"].day(),
            kwh=sum(bands) if bands else self._number("kwh", 0),
            bands=bands,
            kvarh=self._number("kvarh", 0),
            household_quarters=self._number("household_quarters", 4),
            use=given["use"].choice(tuple(self.reliefs.uses)) if "use" in given else None,
            lists=tuple(self._stays()),
            expected=_expected(self.fields["expected"]),
        )

    def _low(self) -> str:
        return list(self.tariffs.voltages)[-1]

    def _number(self, name: str, otherwise: int) -> int:
        return _whole(self.given[name]) if name in self.given else otherwise

    def _bands(self) -> tuple[int, ...] | None:
        if "bands" not in self.given:
            return None
        fields = self.given["bands"].mapping(BANDS)
        return tuple(_whole(fields[band]) for band in BANDS)

    def _stays(self) -> Iterator[Stay]:
        for code, entry in self.given["lists"].entries() if "lists" in self.given else ():
            if code not in self.reliefs.lists:
                entry.fail("unknown list.", f"Use one of: {', '.join(self.reliefs.lists)}.")
            fields = entry.mapping(("from",), ("until",))
            yield Stay(code, fields["from"].day(), fields["until"].day() if "until" in fields else None)


def _whole(field: Field) -> int:
    return field.integer(0, 10**10, "a whole number")


def _expected(field: Field) -> dict[str, Any]:
    fields = field.mapping(("relief",), _EXPECTED)
    expected: dict[str, Any] = {name: _whole(fields[name]) for name in ("net",) if name in fields}
    if "lines" in fields:
        expected["lines"] = [_rated(item) for item in fields["lines"].items()]
    for name in ("relief", "cash"):  # no cash expected unless it is named
        expected[name] = [_line(item) for item in _maybe_empty(fields[name])] if name in fields else []
    if "after" in fields:
        after = fields["after"].mapping(_AFTER)
        expected["after"] = {name: _whole(after[name]) for name in _AFTER}
    return expected


def _maybe_empty(field: Field) -> list[Field]:
    return [] if field.value == [] else field.items()


def _line(field: Field) -> dict[str, Any]:
    fields = field.mapping(("programme", "rule", "kwh", "amount"), ("vat",))
    return {
        name: fields[name].text() if name in {"programme", "rule"} else _whole(fields[name])
        for name in _LINE
        if name in fields
    }


def _rated(field: Field) -> dict[str, Any]:
    fields = field.mapping(*_RATED)
    return {name: item.text() if name == "band" else _whole(item) for name, item in fields.items()}


def run_scenario(scenario: Scenario, tariffs: TariffBook, reliefs: ReliefBook) -> Outcome:
    """Rate and relieve one case, and compare what came out with what was expected, key by key."""
    usage, terms = _usage(scenario), _terms(scenario)
    rated = rate(tariffs, usage, terms)
    if rated.problems.num_rows:
        codes = ", ".join(rated.problems["code"].to_pylist())
        return Outcome(scenario, {"problems": codes}, (f"the bill cannot be rated: {codes}.",))
    result = relieve(
        tariffs,
        reliefs,
        usage,
        terms,
        pa.Table.from_pylist([{"point": _POINT, "use": scenario.use, "area": _AREA}], FACTS),
        _evidence(scenario, reliefs),
        bill_month=scenario.bill_month,
        invoice_date=scenario.invoice_date,
    )
    found = _found(rated.bills.to_pylist()[0], rated.lines.to_pylist(), result.lines.to_pylist())
    problems = [f"{code}: no price to move to." for code in result.problems["code"].to_pylist()]
    return Outcome(scenario, found, (*problems, *_differences(scenario.expected, found)))


def _found(
    bill: dict[str, Any], lines: list[dict[str, Any]], reliefs: list[dict[str, Any]]
) -> dict[str, Any]:
    on_bill = [line for line in reliefs if line["on_bill"]]
    net = bill["net"] - sum(line["amount"] for line in on_bill)
    vat = bill["vat"] - sum(line["vat"] for line in on_bill)
    return {
        "lines": [
            {name: line[name] for name in ("tier", "band", "kwh", "price", "amount")} for line in lines
        ],
        "net": bill["net"],
        "relief": [{name: line[name] for name in _LINE} for line in on_bill],
        "cash": [{name: line[name] for name in _LINE} for line in reliefs if not line["on_bill"]],
        "after": {"net": net, "vat": vat, "total": net + vat},
    }


def _differences(expected: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for name, wanted in expected.items():
        met = found[name]
        if isinstance(wanted, list):
            yield from _line_differences(name, wanted, met)
        elif wanted != met:
            yield f"{name}: expected {_said(wanted)}, came out {_said(met)}."


def _line_differences(name: str, wanted: list[dict[str, Any]], met: list[dict[str, Any]]) -> Iterator[str]:
    for place in range(max(len(wanted), len(met))):
        if place >= len(wanted):
            yield f"{name} {place + 1}: not expected, came out {_said(met[place])}."
        elif place >= len(met):
            yield f"{name} {place + 1}: expected {_said(wanted[place])}, nothing came out."
        else:
            same = {key: met[place][key] for key in wanted[place]}
            if same != wanted[place]:
                yield f"{name} {place + 1}: expected {_said(wanted[place])}, came out {_said(same)}."


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def _usage(scenario: Scenario) -> pa.Table:
    bands = scenario.bands or (0, 0, 0)
    row = {
        "point": _POINT, "segment": 0, "start": scenario.start, "end": scenario.end, "kwh": scenario.kwh,
        "kwh_normal": bands[0], "kwh_peak": bands[1], "kwh_offpeak": bands[2],
        "banded": scenario.bands is not None, "kvarh": scenario.kvarh,
    }  # fmt: skip
    return pa.Table.from_pylist([row], USAGE)


def _terms(scenario: Scenario) -> pa.Table:
    row = {
        "point": _POINT, "start": scenario.start, "end": scenario.end, "category": scenario.category,
        "voltage": scenario.voltage, "household_quarters": scenario.household_quarters,
        "time_of_use": scenario.bands is not None, "reactive_charged": scenario.kvarh > 0,
    }  # fmt: skip
    return pa.Table.from_pylist([row], TERMS)


def _evidence(scenario: Scenario, reliefs: ReliefBook) -> pa.Table:
    rows = []
    for stay in scenario.lists:
        by_point = reliefs.lists[stay.code].scope == "point"
        rows.append(
            {
                "list": stay.code,
                "point": _POINT if by_point else None,
                "area": None if by_point else _AREA,
                "start": stay.start,
                "end": stay.end,
            }
        )
    return pa.Table.from_pylist(rows, EVIDENCE)
