"""Threads that ask together are done together: everyone gets the own answer, an error reaches only whom it is about."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st

from thapsang.kit.db.gathering import Gathering


class Desk:
    """Doubles numbers, and remembers each call; the first waits until `others` have come."""

    def __init__(self, others: int, *, most: int = 100, apart: Callable[[int], object] = lambda n: n) -> None:
        self.calls: list[list[int]] = []
        self.others = others
        self.gathering = Gathering[int, int](self.do, apart=apart, most=most)  # type: ignore[arg-type]

    def do(self, numbers: list[int]) -> list[int]:
        first = not self.calls
        self.calls.append(numbers)
        while first and len(self.gathering._queue) < self.others:
            threading.Event().wait(0.001)
        if any(number < 0 for number in numbers):
            raise IntegrityError("A number below zero.")
        return [2 * number for number in numbers]

    def ask(self, numbers: list[int]) -> list[int | str]:
        """Ask for all at once, each in a thread of its own, the first one before the others."""
        answers: list[int | str] = [0] * len(numbers)

        def one(place: int) -> None:
            try:
                answers[place] = self.gathering.ask(numbers[place])
            except IntegrityError as error:
                answers[place] = str(error)

        threads = [threading.Thread(target=one, args=(n,)) for n in range(len(numbers))]
        for thread in threads:
            thread.start()
            while not self.calls:
                threading.Event().wait(0.001)
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
        return answers


def test_alone_one_is_done_at_once() -> None:
    desk = Desk(0)
    assert [desk.gathering.ask(1), desk.gathering.ask(2)] == [2, 4]
    assert desk.calls == [[1], [2]]


def test_those_who_come_meanwhile_are_done_in_the_next_go() -> None:
    desk = Desk(5)
    assert desk.ask([1, 2, 3, 4, 5, 6]) == [2, 4, 6, 8, 10, 12]
    assert desk.calls[0] == [1]
    assert [len(call) for call in desk.calls] == [1, 5]


def test_no_call_is_larger_than_allowed() -> None:
    desk = Desk(5, most=2)
    assert desk.ask([1, 2, 3, 4, 5, 6]) == [2, 4, 6, 8, 10, 12]
    assert [len(call) for call in desk.calls] == [1, 2, 2, 1]


def test_two_of_a_name_are_never_in_one_call() -> None:
    desk = Desk(4, apart=lambda number: number % 10)
    assert desk.ask([1, 12, 22, 3, 13]) == [2, 24, 44, 6, 26]
    assert all(len({number % 10 for number in call}) == len(call) for call in desk.calls)
    assert len(desk.calls) == 3


def test_an_error_reaches_only_whom_it_is_about() -> None:
    desk = Desk(3)
    assert desk.ask([1, 2, -3, 4]) == [2, 4, "A number below zero.", 8]
    assert len(desk.calls) == 5, "one, three together, and these three alone"


def test_an_error_of_one_alone_is_raised_and_the_next_is_done() -> None:
    desk = Desk(0)
    with pytest.raises(IntegrityError):
        desk.gathering.ask(-1)
    assert desk.gathering.ask(1) == 2


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-3, 30), min_size=1, max_size=20), st.integers(1, 6), st.integers(1, 7))
def test_whatever_comes_everyone_is_answered(numbers: list[int], most: int, names: int) -> None:
    desk = Desk(0, most=most, apart=lambda number: number % names)
    assert desk.ask(numbers) == [2 * n if n >= 0 else "A number below zero." for n in numbers]
    assert all(len(call) <= most and len({n % names for n in call}) == len(call) for call in desk.calls)
