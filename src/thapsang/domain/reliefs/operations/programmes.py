"""A programme's way: drafted, reviewed by a second person, in force, closed. Each step is in the audit log."""

from __future__ import annotations

import hashlib
from datetime import datetime

from thapsang.domain.reliefs.models import BookVersion, Programme
from thapsang.domain.reliefs.queries.books import book_with, content_in_force, file_key, version_content
from thapsang.domain.reliefs.types import FourEyesError, ProgrammeStateError, ReliefError
from thapsang.engines.policies import PolicyError
from thapsang.engines.rating import TariffBook
from thapsang.engines.relief import Programme as ReliefProgramme
from thapsang.engines.relief import ReliefBook, reliefs_from_content
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.db.transactions import transaction_required


def person_name(actor: Person | str) -> str:
    """Return the name by which two people are told apart."""
    return actor if isinstance(actor, str) else actor.get_username()


@transaction_required
def draft(
    *,
    file: str,
    text: str,
    tariffs: TariffBook,
    actor: Person | str,
    reason: str,
    at: datetime,
    request_id: str = "",
) -> int:
    """Keep a programme's YAML text as a draft and return its number; the same text again gives the same number.

    `file` is its name among the distributor's reliefs. Raises PolicyError naming the file, the key and the fix when
    the text does not fit vocabulary, doubts, tariffs and the programmes in force. What it excludes may be a draft
    too, but must be in force before it is put in force itself.
    """
    name = file.rsplit("/", 1)[-1]
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    known = Programme.objects.filter(sha256=sha256).exclude(status="closed").first()
    if known:
        return known.pk
    read = _read(name, text, tariffs)
    made = Programme.objects.create(
        code=read.code, valid_by=read.valid.by, valid_from=read.valid.start, valid_until=read.valid.end,
        stack_order=read.order, name_vi=read.name.vi, name_en=read.name.en, file=name, text=text, sha256=sha256,
        drafted_by=person_name(actor), drafted_at=at, reason=reason,
    )  # fmt: skip
    audit.record(
        actor=actor, action="reliefs.drafted", subject=f"relief:{made}", before=None,
        after={"file": name, "sha256": sha256}, reason=reason, at=at, request_id=request_id,
    )  # fmt: skip
    return made.pk


def _read(name: str, text: str, tariffs: TariffBook) -> ReliefProgramme:
    """Return the programme a text holds; raises PolicyError."""
    book = book_with(tariffs, {name: text}, named_drafts=True)
    content = book.content[file_key(name)]
    code, start = content["code"], content["valid"]["from"]
    return next(p for p in book.programmes if (p.code, p.valid.start.isoformat()) == (code, start))


@transaction_required
def review(*, programme_id: int, actor: Person | str, at: datetime, request_id: str = "") -> None:
    """Mark a draft reviewed. Raises FourEyesError for the one who drafted it, ProgrammeStateError."""
    found = _locked(programme_id, "draft")
    if found.drafted_by == person_name(actor):
        raise FourEyesError(f"{found} was drafted by {found.drafted_by}: somebody else reviews it.")
    found.status, found.reviewed_by, found.reviewed_at = "reviewed", person_name(actor), at
    found.save(update_fields=["status", "reviewed_by", "reviewed_at"])
    _told(found, "reviewed", "draft", actor, at, "", request_id)


@transaction_required
def put_in_force(
    *, programme_id: int, tariffs: TariffBook, actor: Person | str, at: datetime, request_id: str = ""
) -> int:
    """Put a reviewed programme in force and return the id of the book version it makes.

    An edition in force with the same code and first day, or the same file, is closed with it. Raises
    ProgrammeStateError, PolicyError when the book would not be right.
    """
    found = _locked(programme_id, "reviewed")
    book = book_with(tariffs, {found.file: found.text})
    same = Programme.objects.select_for_update().filter(status="in-force")
    for old in [*same.filter(code=found.code, valid_from=found.valid_from), *same.filter(file=found.file)]:
        if old.status == "in-force":
            _close(old, actor, at, f"replaced by #{found.pk}", request_id)
    found.status, found.in_force_by, found.in_force_at = "in-force", person_name(actor), at
    found.save(update_fields=["status", "in_force_by", "in_force_at"])
    version = keep_version(book=book, at=at)
    _told(found, "in-force", "reviewed", actor, at, "", request_id)
    return version


@transaction_required
def close(
    *,
    programme_id: int,
    tariffs: TariffBook,
    actor: Person | str,
    reason: str,
    at: datetime,
    request_id: str = "",
) -> None:
    """Close a programme for a stated reason: nothing more is granted by it, what it granted stands.

    Raises ReliefError for an empty reason or when another programme in force names it, ProgrammeStateError.
    """
    if not reason.strip():
        raise ReliefError("reason: it is empty. Say why the programme is closed.")
    found = _locked(programme_id, "draft", "reviewed", "in-force")
    left = content_in_force(without=frozenset({found.pk}))
    if found.status == "in-force" and any(file.get("kind") == "programme" for file in left.values()):
        try:
            reliefs_from_content(left, tariffs)
        except PolicyError as error:
            raise ReliefError(f"{found} cannot be closed while others name it: {error}") from error
    _close(found, actor, at, reason.strip(), request_id)


def _close(found: Programme, actor: Person | str, at: datetime, reason: str, request_id: str) -> None:
    before = found.status
    found.status, found.closed_by, found.closed_at, found.reason = "closed", person_name(actor), at, reason
    found.save(update_fields=["status", "closed_by", "closed_at", "reason"])
    _told(found, "closed", before, actor, at, reason, request_id)


@transaction_required
def keep_version(*, book: ReliefBook, at: datetime) -> int:
    """Keep a book and return its id; the same content (by SHA-256) is kept once."""
    BookVersion.objects.bulk_create(
        [
            BookVersion(
                sha256=book.sha256, distributor=book.distributor, content=version_content(book), made_at=at
            )
        ],
        ignore_conflicts=True,
    )
    return BookVersion.objects.get(sha256=book.sha256).pk


def _locked(programme_id: int, *states: str) -> Programme:
    found = Programme.objects.select_for_update().filter(pk=programme_id).first()
    if found is None or found.status not in states:
        state = "does not exist" if found is None else f"is {found.status}"
        raise ProgrammeStateError(f"Programme #{programme_id} {state}: the step needs {' or '.join(states)}.")
    return found


def _told(
    found: Programme,
    verb: str,
    before: str,
    actor: Person | str,
    at: datetime,
    reason: str,
    request_id: str,
) -> None:
    audit.record(
        actor=actor, action=f"reliefs.{verb}", subject=f"relief:{found}", before={"status": before},
        after={"status": found.status}, reason=reason, at=at, request_id=request_id,
    )  # fmt: skip
