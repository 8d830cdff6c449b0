"""What can be wrong with what the engine is handed: the shape of the input, or one case."""

from __future__ import annotations


class RatingInputError(ValueError):
    """A table handed to the engine lacks a column or has one of the wrong type; the message names it."""


class RatingProblem(ValueError):
    """One case could not be rated: `code` and `detail` as in the problems table of `rate`."""

    def __init__(self, code: str, detail: dict[str, object]) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{detail['field']}: {detail['problem']} {detail['remedy']}")
