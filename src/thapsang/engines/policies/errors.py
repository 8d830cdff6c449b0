"""What can be wrong with a policy file."""

from __future__ import annotations


class PolicyError(ValueError):
    """A policy file is wrong: the message names the file, the key, what is wrong and how to mend it."""

    def __init__(self, file: str, key: str, problem: str, remedy: str) -> None:
        self.file, self.key, self.problem, self.remedy = file, key, problem, remedy
        super().__init__(f"{file}: {key}: {problem} {remedy}" if key else f"{file}: {problem} {remedy}")
