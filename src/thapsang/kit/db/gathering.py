"""What comes at the same time is done in one go: threads that ask together share one transaction.

A transaction has a price of its own (a round trip, a wait for the disk, the start of a statement) that is the same for
one row and for ten. The thread that finds nobody at work does what waits, its own and that of the others; those who
come meanwhile wait and are done in the next go. Nobody waits for others to come: alone, a thread is done at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from django.db import DatabaseError

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class _Waiting(Generic[Asked, Answer]):
    """One that waits: woken with an answer, with the word to go alone, or with neither: then it leads."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answer: Answer | None = None
        self.alone = False
        self.bell = threading.Lock()
        self.bell.acquire()


class Gathering(Generic[Asked, Answer]):
    """Answers what several threads ask by one call of `do` for all of them.

    `do` takes a list and returns the answers in its order, or raises and has done nothing. Two with the same
    `apart` are never in one call; no call has more than `most`. When a call for several fails, each is done alone,
    so that an error reaches only the one it is about.
    """

    def __init__(
        self, do: Callable[[list[Asked]], list[Answer]], *, apart: Callable[[Asked], Hashable], most: int
    ) -> None:
        self._do, self._apart, self._most = do, apart, most
        self._door = threading.Lock()
        self._queue: deque[_Waiting[Asked, Answer]] = deque()
        self._busy = False

    def ask(self, asked: Asked) -> Answer:
        """Return the answer to `asked`, or raise what `do` raises about it alone."""
        mine = _Waiting[Asked, Answer](asked)
        with self._door:
            waits = self._busy
            self._busy = True
            if waits:
                self._queue.append(mine)
        if waits:
            mine.bell.acquire()
        if mine.answer is None and not mine.alone:
            self._lead(mine)
        if mine.answer is None:
            (mine.answer,) = self._do([asked])
        return mine.answer

    def _lead(self, mine: _Waiting[Asked, Answer]) -> None:
        """Do what waits, hand out the answers, let the next one lead."""
        group = self._group(mine)
        try:
            if len(group) > 1:
                for one, answer in zip(group, self._do([one.asked for one in group]), strict=True):
                    one.answer = answer
            else:
                (mine.answer,) = self._do([mine.asked])
        except DatabaseError:
            if len(group) == 1:
                raise
        finally:
            with self._door:
                following = self._queue.popleft() if self._queue else None
                self._busy = following is not None
            for one in group[1:]:
                one.alone = one.answer is None
                one.bell.release()
            # The next to lead is woken last: what those who have their answers bring next may still join it.
            if following:
                following.bell.release()

    def _group(self, mine: _Waiting[Asked, Answer]) -> list[_Waiting[Asked, Answer]]:
        """Take those who wait along; leave whom `apart` keeps from this call, in their order."""
        group, seen, left = [mine], {self._apart(mine.asked)}, list[_Waiting[Asked, Answer]]()
        with self._door:
            while self._queue and len(group) < self._most:
                one = self._queue.popleft()
                name = self._apart(one.asked)
                (left if name in seen else group).append(one)
                seen.add(name)
            self._queue.extendleft(reversed(left))
        return group
