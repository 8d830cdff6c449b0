"""The texts of e-mails: the distributor's words in one language or in both, plain and as calm HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from thapsang.domain.notifications.types import EmailRules, Letter, UnknownTemplateError

BOTH = ("vi", "en")
"""Languages of a letter to somebody whose language is not known: Vietnamese comes first."""
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]")
_CODE = re.compile(r"\d{6}")
_PAGE = (
    '<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1"><title>{subject}</title></head>\n'
    '<body style="margin:0;background:#fbf8f2;color:#1d1b18;font:16px/1.5 system-ui,-apple-system,sans-serif">\n'
    '<div style="max-width:34em;margin:0 auto;padding:24px 16px">\n'
    '<p style="margin:0 0 24px;padding-bottom:12px;border-bottom:3px solid {amber};color:{night};font-weight:600">'
    "{name}</p>\n{parts}\n</div></body></html>\n"
)
_RULE = '\n<hr style="margin:32px 0;border:0;border-top:1px solid #e2dacb">\n'


@lru_cache(maxsize=8)
def read(file: Path) -> dict[str, Any]:
    """Return a file of templates, read once."""
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def templates() -> Path:
    """Return the folder of the distributor's texts."""
    return Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates"


def identity() -> dict[str, Any]:
    """Return who speaks (templates/identity.yaml)."""
    return read(templates() / "identity.yaml")


def letter(*, template: str, languages: Sequence[str], values: Mapping[str, Mapping[str, str]]) -> Letter:
    """Return an e-mail's subject, text and HTML in these languages, one below the other.

    `values` fills each language's text; the distributor's name and hotline are known. A language the file has no
    text for is left out; with none left it is Vietnamese. Raises UnknownTemplateError naming file and template.
    """
    file = templates() / "email.yaml"
    texts = read(file).get(template)
    if not texts or "vi" not in texts:
        raise UnknownTemplateError(f"No e-mail '{template}' in {file.name}: add it there.")
    spoken = [language for language in languages if language in texts] or ["vi"]
    who = identity()
    known = {"distributor": who["name"], "hotline": who["hotline_shown"]}

    def said(language: str, part: str) -> str:
        return str(texts[language][part].format(**known, **values[language])).strip()

    first, *others = (said(one, "subject") for one in spoken)
    subject = " / ".join([first, *(other.removeprefix(f"{who['name']}: ") for other in others)])
    bodies = {one: said(one, "text") for one in spoken}
    text = "\n\n———\n\n".join(bodies.values()) + "\n"
    return Letter(subject, text, _html(subject, bodies, who))


def _html(subject: str, bodies: Mapping[str, str], who: Mapping[str, Any]) -> str:
    """Return the same words as HTML: no picture, nothing fetched from anywhere."""
    parts = _RULE.join(
        f'<div lang="{language}">\n' + "\n".join(map(_paragraph, text.split("\n\n"))) + "\n</div>"
        for language, text in bodies.items()
    )
    return _PAGE.format(
        language=next(iter(bodies)), subject=escape(subject), amber=escape(who["amber"]), night=escape(who["night"]),
        name=escape(who["name"]), parts=parts,
    )  # fmt: skip


def _paragraph(text: str) -> str:
    if _CODE.fullmatch(text.strip()):
        large = "margin:0 0 16px;font-size:32px;font-weight:600;letter-spacing:0.2em"
        return f'<p style="{large}">{text.strip()}</p>'
    lines = "<br>\n".join(_linked(line) for line in text.strip().splitlines())
    return f'<p style="margin:0 0 16px">{lines}</p>'


def _linked(line: str) -> str:
    parts, at = list[str](), 0
    for found in _LINK.finditer(line):
        address = escape(found[0])
        parts += [
            escape(line[at : found.start()]),
            f'<a href="{address}" style="color:#14233f">{address}</a>',
        ]
        at = found.end()
    return "".join([*parts, escape(line[at:])])


def email_rules() -> EmailRules:
    """Return how fast and how often e-mails are sent. Raises UnknownTemplateError naming what the file lacks."""
    file = templates() / "email.yaml"
    try:
        rules = read(file)["sending"]
        return EmailRules(
            int(rules["per_minute"]), int(rules["tries"]), timedelta(seconds=rules["first_pause"]),
            timedelta(seconds=rules["longest_pause"]), int(rules["attach_limit"]),
        )  # fmt: skip
    except KeyError as error:
        raise UnknownTemplateError(f"{file.name}: sending lacks {error}: add it.") from error
