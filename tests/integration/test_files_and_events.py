"""Files under their hash, and the outbox: at least once, in the transaction, by several workers."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from thapsang.kit.db.transactions import TransactionRequiredError, transaction
from thapsang.kit.events import operations as events
from thapsang.kit.events.models import Event
from thapsang.kit.files import operations as files
from thapsang.kit.files.models import StoredFile

AT = datetime(2026, 11, 23, 3, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _clean(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FILES = tmp_path / "files"
    monkeypatch.setattr(events, "_handlers", {})


def keep(content: bytes | Path, name: str = "a.csv") -> files.Kept:
    with transaction():
        return files.store(content=content, name=name, media_type="text/csv", purpose="readings")


def test_a_file_is_stored_once_and_opened_again(tmp_path: Path) -> None:
    given = tmp_path / "given.bin"
    given.write_bytes(b"x" * 3_000_000)
    first, second = keep(given), keep(b"x" * 3_000_000, name="b.csv")
    assert first == second and first.size == 3_000_000
    with files.open_file(sha256=first.sha256) as source:
        assert source.read() == given.read_bytes()
    assert StoredFile.objects.get().name == "a.csv"
    assert [p for p in (tmp_path / "files").iterdir() if p.is_file()] == []


def test_a_file_the_disk_lost_is_named(tmp_path: Path) -> None:
    kept = keep(b"x")
    kept.path.unlink()
    with pytest.raises(files.FileGoneError, match="restore it from the backup"):
        files.open_file(sha256=kept.sha256)


def test_storing_and_emitting_need_a_transaction() -> None:
    with pytest.raises(TransactionRequiredError):
        files.store(content=b"x", name="x", media_type="x", purpose="x")
    with pytest.raises(TransactionRequiredError):
        events.emit(name="x", key="1", body={}, at=AT)


def emit(key: str, name: str = "paid") -> bool:
    with transaction():
        return events.emit(name=name, key=key, body={"bill": 7}, at=AT)


def test_an_event_is_told_once_and_only_after_its_transaction() -> None:
    heard: list[events.Happened] = []
    events.handle("paid")(heard.append)
    assert emit("1") and not emit("1")
    with pytest.raises(ZeroDivisionError), transaction():
        events.emit(name="paid", key="2", body={}, at=AT)
        raise ZeroDivisionError
    assert events.drain() == 1
    assert [(e.key, e.body, e.attempts) for e in heard] == [("1", {"bill": 7}, 1)]
    assert (events.drain(), events.waiting()) == (0, 0)


def test_a_handler_may_open_its_own_transaction() -> None:
    def follow(event: events.Happened) -> None:
        with transaction():
            events.emit(name="followed", key=f"after-{event.key}", body={}, at=AT)

    events.handle("paid")(follow)
    emit("1")
    assert (events.drain(), events.drain()) == (1, 1)
    assert Event.objects.filter(handled_at=None).count() == 0


def test_a_failing_handler_is_tried_again_later_and_holds_nobody_up() -> None:
    tries = Counter[str]()

    @events.handle("paid")
    def fail_twice(event: events.Happened) -> None:
        tries[event.key] += 1
        if event.key == "bad" and tries["bad"] < 3:
            raise ValueError("số điện thoại 0912345678")

    emit("bad")
    emit("good")
    assert events.drain() == 2
    bad = Event.objects.get(key="bad")
    assert (bad.handled_at, bad.problem) == (None, "ValueError")
    assert bad.due_at is not None and bad.due_at > timezone.now()
    assert events.drain() == 0
    for _ in range(2):
        Event.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        events.drain()
    assert (tries["bad"], tries["good"], events.waiting()) == (3, 1, 0)


def test_what_a_dead_worker_had_in_hand_goes_to_another_after_the_lease() -> None:
    emit("1")
    assert len(events._claim(10)) == 1  # and the worker dies here
    assert events.drain() == 0
    Event.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert events.drain() == 1


def test_several_workers_share_the_events() -> None:
    heard: list[str] = []
    events.handle("paid")(lambda event: heard.append(event.key))
    for number in range(60):
        emit(str(number))

    def work() -> None:
        try:
            while events.drain(limit=5):
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard, key=int) == [str(number) for number in range(60)]
