"""What can be wrong before a single point is rated: the policy files, or the shape of the input."""

from __future__ import annotations


class PolicyError(ValueError):
    """A policy file is wrong: the message names the file, the key, what is wrong and how to mend it."""

    def __init__(self, file: str, key: str, problem: str, remedy: str) -> None:
        self.file, self.key, self.problem, self.remedy = file, key, problem, remedy
        super().__init__(f"{file}: {key}: {problem} {remedy}" if key else f"{file}: {problem} {remedy}")


class RatingInputError(ValueError):
    """A table handed to the engine lacks a column or has one of the wrong type; the message names it."""


class RatingProblem(ValueError):
    """One case could not be rated: `code` and `detail` as in the problems table of `rate`."""

    def __init__(self, code: str, detail: dict[str, object]) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{detail['field']}: {detail['problem']} {detail['remedy']}")
