"""The book of reliefs in force, as it would be with drafts, and as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from thapsang.domain.reliefs.models import BookVersion, Grant, Programme
from thapsang.domain.reliefs.types import FORMAT, UnknownVersionError
from thapsang.engines.policies import Content, PolicyError, Reference, read_folder, read_text
from thapsang.engines.rating import TariffBook
from thapsang.engines.relief import ReliefBook, reliefs_from_content


def folder() -> Path:
    """Return the folder of this distributor's reliefs: vocabulary, doubts and the texts programmes are drafted from."""
    return Path(settings.POLICIES) / settings.DISTRIBUTOR / "reliefs"


def file_key(name: str) -> str:
    """Return under which name a programme's file stands in a book: `<distributor>/reliefs/<name>`."""
    return f"{settings.DISTRIBUTOR}/reliefs/{name}"


def words() -> Content:
    """Return the vocabulary and the doubts of this distributor, as files of a book."""
    return {
        name: content
        for name, content in read_folder(folder(), "relief").items()
        if not (isinstance(content, dict) and content.get("kind") == "programme")
    }


def list_scopes() -> dict[str, str]:
    """Return scope (point or area) by code of the lists of the vocabulary."""
    vocabulary = next(one for one in words().values() if one.get("kind") == "vocabulary")
    return {one["code"]: one["scope"] for one in vocabulary["lists"]}


def list_names() -> dict[str, dict[str, str]]:
    """Return the names (vi, en) of lists and uses of the vocabulary by code."""
    vocabulary = next(one for one in words().values() if one.get("kind") == "vocabulary")
    return {
        one["code"]: {"vi": one["vi"], "en": one["en"]} for one in (*vocabulary["lists"], *vocabulary["uses"])
    }


def content_in_force(*, without: frozenset[int] = frozenset()) -> Content:
    """Return the files of the book in force, leaving out the programmes with these ids."""
    rows = Programme.objects.filter(status="in-force").exclude(pk__in=without).values_list("file", "text")
    return words() | {file_key(file): read_text(file_key(file), text) for file, text in rows}


def book_in_force(tariffs: TariffBook) -> ReliefBook:
    """Return the book of all programmes in force; raises PolicyError when vocabulary or doubts no longer fit."""
    return reliefs_from_content(content_in_force(), tariffs)


def book_with(tariffs: TariffBook, texts: dict[str, str], *, named_drafts: bool = False) -> ReliefBook:
    """Return the book as it would be with these texts {file name: YAML} in force too.

    A programme in force with the same file name, or with the code and first day of a given one, gives way.
    `named_drafts`: a draft, or a reviewed one, that a given text excludes stands beside it as if it were in force.
    Raises PolicyError naming the file, the key and the fix.
    """
    given = {file_key(name): read_text(file_key(name), text) for name, text in texts.items()}
    if named_drafts:
        given |= _drafts_named(given)
    editions = {_edition(content) for content in given.values()}
    kept = {
        file: content
        for file, content in content_in_force().items()
        if content.get("kind") != "programme" or _edition(content) not in editions
    }
    return reliefs_from_content(kept | given, tariffs)


def _drafts_named(given: Content) -> Content:
    """Return drafted and reviewed programmes that given ones exclude and that nothing in force stands for."""
    excluded: set[str] = set()
    for content in given.values():
        stack = content.get("stack") if isinstance(content, dict) else None
        named = stack.get("excludes") if isinstance(stack, dict) else None
        excluded |= {str(code) for code in named} if isinstance(named, list) else set()
    known = Programme.objects.filter(code__in=excluded)
    missing = excluded - set(known.filter(status="in-force").values_list("code", flat=True))
    rows = known.filter(code__in=missing, status__in=["draft", "reviewed"]).values_list("file", "text")
    found = {file_key(file): read_text(file_key(file), text) for file, text in rows}
    return {file: content for file, content in found.items() if file not in given}


def _edition(content: object) -> tuple[str, str]:
    """Return code and first day of a programme's content, as far as it has them."""
    if not isinstance(content, dict):
        return "", ""
    valid = content.get("valid")
    return str(content.get("code")), str(valid.get("from")) if isinstance(valid, dict) else ""


def version_content(book: ReliefBook) -> dict[str, object]:
    """Return what is kept of a book: its files, and its references as lines cite them."""
    return {
        "format": FORMAT,
        "files": book.content,
        "references": [
            {**vars(reference), "date": reference.date.isoformat()} for reference in book.references
        ],
    }


@lru_cache(maxsize=16)
def _kept(version_id: int) -> BookVersion:
    found = BookVersion.objects.filter(pk=version_id).first()
    if found is None:
        raise UnknownVersionError(f"No relief book version has the id {version_id}.")
    return found


def book_of(version_id: int, tariffs: TariffBook) -> ReliefBook:
    """Return a kept book; raises UnknownVersionError when there is none, or this release cannot read it."""
    version = _kept(version_id)
    if version.content.get("format") != FORMAT:
        raise UnknownVersionError(
            f"Relief book version {version_id} has format {version.content.get('format')}, "
            f"this release reads {FORMAT}: use the release that made it. What it granted stands, with its references."
        )
    try:
        return reliefs_from_content(version.content["files"], tariffs)
    except PolicyError as error:
        raise UnknownVersionError(
            f"Relief book version {version_id} no longer fits the tariffs: {error}"
        ) from error


@dataclass(frozen=True)
class ReliefLaw:
    """The resolution behind a relief in plain words; `doubt` is empty when nothing is uncertain."""

    text: str
    doubt: str


def citations_of_bill(*, bill_id: int, language: str) -> dict[int, ReliefLaw]:
    """Return the legal references of a bill's relief lines by number; empty for a bill without any."""
    return citations_of_bills(bill_ids=[bill_id], language=language).get(bill_id, {})


def citations_of_bills(*, bill_ids: Sequence[int], language: str) -> dict[int, dict[int, ReliefLaw]]:
    """Return by bill the legal references of its relief lines by number; bills without any are left out.

    One question for the bills, and one a relief book that is not known yet.
    """
    if not bill_ids:
        return {}
    low, high = min(bill_ids) // 10 * 10, max(bill_ids) // 10 * 10 + 9
    rows = Grant.objects.filter(adjusting_bill_id__in=bill_ids, bill_id__range=(low, high)).order_by("-pk")
    versions = {
        adjusting: version
        for adjusting, bill, version in rows.values_list("adjusting_bill_id", "bill_id", "batch__version_id")
        if adjusting and adjusting // 10 == bill // 10
    }
    laws = {version: _laws(version, language) for version in set(versions.values())}
    return {bill: laws[version] for bill, version in versions.items()}


def _laws(version_id: int, language: str) -> dict[int, ReliefLaw]:
    found = references(version_id=version_id)
    if language.startswith("en"):
        return {number: ReliefLaw(law.citation_en, law.doubt_en) for number, law in found.items()}
    return {number: ReliefLaw(law.citation, law.doubt) for number, law in found.items()}


def references(*, version_id: int) -> dict[int, Reference]:
    """Return the legal references of a kept book by number; these need no tariffs and never change."""
    rows = _kept(version_id).content["references"]
    return {row["number"]: Reference(**{**row, "date": date.fromisoformat(row["date"])}) for row in rows}
