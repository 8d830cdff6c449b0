"""The legal basis of a value and how sure it is: texts, doubts, references."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from thapsang.engines.policies.fields import Field

CONFIDENCES = ("V1", "INF", "MEM", "doubtful")
"""How sure a doubtful value is, the surest first; a value without a doubt rests on two sources (V2)."""


@dataclass(frozen=True)
class Words:
    """A text for people in Vietnamese and in English."""

    vi: str
    en: str


@dataclass(frozen=True)
class Doubt:
    """Why a value is not certain. `confidence`: V1 one source, MEM from memory, INF inferred."""

    code: str
    confidence: str
    words: Words


@dataclass(frozen=True)
class Reference:
    """The legal basis of a price or a rate; `number` is what a bill line carries.

    `doubt` is empty when two sources or more agree (confidence V2).
    """

    number: int
    code: str
    document: str
    article: str
    date: date
    doubt: str
    confidence: str
    document_en: str
    article_en: str
    doubt_en: str

    @property
    def citation(self) -> str:
        """The reference in one line, Vietnamese."""
        return f"{self.document}, {self.article}" if self.article else self.document

    @property
    def citation_en(self) -> str:
        """The reference in one line, English."""
        return f"{self.document_en}, {self.article_en}" if self.article_en else self.document_en


class References:
    """Numbers legal references as they are met; the same basis gets the same number."""

    def __init__(self) -> None:
        self.all: list[Reference] = []
        self._numbers: dict[tuple[str, str, str], int] = {}

    def number(self, code: str, document: Words, article: Words, signed: date, doubt: Doubt | None) -> int:
        """Return the number of a reference, adding it when it is new."""
        key = (code, article.vi, doubt.code if doubt else "")
        if key not in self._numbers:
            self._numbers[key] = len(self.all) + 1
            self.all.append(
                Reference(
                    number=len(self.all) + 1,
                    code=code,
                    date=signed,
                    document=document.vi,
                    document_en=document.en,
                    article=article.vi,
                    article_en=article.en,
                    confidence=doubt.confidence if doubt else "V2",
                    doubt=doubt.words.vi if doubt else "",
                    doubt_en=doubt.words.en if doubt else "",
                )
            )
        return self._numbers[key]


def words(field: Field) -> Words:
    """Return a text given in both languages."""
    fields = field.mapping(("vi", "en"))
    return Words(fields["vi"].text(), fields["en"].text())


def read_doubts(root: Field) -> dict[str, Doubt]:
    """Read a file of kind doubts: {code: doubt}; raises PolicyError."""
    fields = root.mapping(("kind", "doubts"))
    read: dict[str, Doubt] = {}
    for code, entry in fields["doubts"].entries():
        doubt = entry.mapping(("confidence", "vi", "en"))
        said = Words(doubt["vi"].text(), doubt["en"].text())
        read[code] = Doubt(code, doubt["confidence"].choice(CONFIDENCES), said)
    return read
