"""Whom a list's rows mean: by customer code, else by name and address; or which communes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from thapsang.domain.customers.queries import matching
from thapsang.domain.customers.queries.matching import Supplied
from thapsang.domain.customers.types import fold_words
from thapsang.domain.network import queries as network
from thapsang.domain.reliefs.types import ListRow, Match

CANDIDATES = 5
_WHOLE = 100
_KINDS = ("xa", "phuong", "thi tran", "thi xa", "huyen", "quan", "thanh pho", "tp", "x", "p", "tt")
_NOBODY = Match(
    "none",
    problem="không tìm thấy khách hàng nào",
    remedy="kiểm tra mã khách hàng, họ tên và địa chỉ rồi nạp lại dòng này",
)  # fmt: skip


def matches(rows: Sequence[ListRow], *, scope: str) -> list[Match]:
    """Return whom each row means, in order; a row with a problem is `bad`."""
    sound = [row for row in rows if not row.problem]
    found = _areas(sound) if scope == "area" else _points(sound)
    return [
        Match("bad", problem=row.problem, remedy=row.remedy) if row.problem else found[row.number] for row in rows
    ]  # fmt: skip


def _points(rows: Iterable[ListRow]) -> dict[int, Match]:
    """Ask the register once for each first day: a list has few."""
    by_day: dict[date, list[ListRow]] = defaultdict(list)
    for row in rows:
        assert row.start is not None
        by_day[row.start].append(row)
    return {number: match for day, some in by_day.items() for number, match in _on_day(some, day).items()}


def _on_day(rows: list[ListRow], day: date) -> dict[int, Match]:
    by_code: dict[str, list[Supplied]] = defaultdict(list)
    for one in matching.supplied_by_code(codes={row.code for row in rows if row.code}, on=day):
        for code in (one.code, one.customer_code):
            by_code[code].append(one)
    unknown = [row for row in rows if row.code not in by_code]
    by_name: dict[str, list[Supplied]] = defaultdict(list)
    for one in matching.supplied_by_name(names={_folded(row.name) for row in unknown if row.name}, on=day):
        by_name[" ".join(fold_words(one.name))].append(one)
    return {
        row.number: _by_code(row, by_code[row.code])
        if row.code in by_code
        else _by_name(row, by_name[_folded(row.name)])
        for row in rows
    }  # fmt: skip


def _folded(text: str) -> str:
    return " ".join(fold_words(text))


def _by_code(row: ListRow, found: list[Supplied]) -> Match:
    """A code means its points for sure, unless it has several or the name beside it is quite another."""
    other = row.name and not set(fold_words(row.name)) & set(fold_words(found[0].name))
    if len(found) == 1 and not other:
        return Match("sure", points=(found[0].point,))
    return Match(
        "unsure",
        candidates=tuple({"point": one.point, "score": _score(row, one)} for one in found[:CANDIDATES]),
    )


def _by_name(row: ListRow, found: list[Supplied]) -> Match:
    scored = sorted(((_score(row, one), one.point) for one in found), key=lambda pair: (-pair[0], pair[1]))
    if not scored:
        return _NOBODY
    whole = [point for score, point in scored if score == _WHOLE]
    if row.address and len(whole) == 1:
        return Match("sure", points=(whole[0],))
    return Match("unsure", candidates=tuple({"point": p, "score": s} for s, p in scored[:CANDIDATES]))


def _score(row: ListRow, one: Supplied) -> int:
    """Return 0 to 100: 100 when the addresses are the same words and the commune, where given, is the same."""
    mine, theirs = set(fold_words(row.address)), set(fold_words(one.address))
    commune = _without_kind(row.locality)
    if mine == theirs and mine and (not commune or commune == _without_kind(one.commune)):
        return _WHOLE
    wanted = mine | set(fold_words(row.locality))
    known = theirs | set(fold_words(one.commune))
    return min(99, 100 * len(wanted & known) // max(len(wanted | known), 1))


def _without_kind(text: str) -> str:
    words = " ".join(fold_words(text))
    for kind in sorted(_KINDS, key=len, reverse=True):
        if words.startswith(f"{kind} "):
            return words.removeprefix(f"{kind} ")
    return words


def _areas(rows: Iterable[ListRow]) -> dict[int, Match]:
    communes, named = network.communes(), defaultdict(set)
    for one in communes:
        named[one.code].add(one.code)
        named[_without_kind(one.name)].add(one.code)
        named[_without_kind(one.area_team)].add(one.code)
    whole = {_without_kind(one.area_team) for one in communes}
    return {row.number: _area(row, named, whole) for row in rows}


def _area(row: ListRow, named: dict[str, set[str]], whole: set[str]) -> Match:
    asked = _without_kind(row.locality)
    found = sorted(named.get(row.locality.strip(), set()) or named.get(asked, set()))
    if len(found) == 1 or (found and asked in whole):
        return Match("sure", areas=tuple(found))
    if found:
        return Match("unsure", candidates=tuple({"area": code, "score": 50} for code in found[:CANDIDATES]))
    return Match(
        "none", problem=f"không có địa phương nào tên {row.locality!r}",
        remedy="ghi tên xã, phường như hiện nay hoặc mã của nó",
    )  # fmt: skip
