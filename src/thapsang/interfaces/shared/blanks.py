"""Pages printed as blanks and filled in: a template is drawn once for each shape, then only its texts change.

The values of such a page are texts, truths and lists of these. What is true, what is empty and how many entries a
list has is the page's shape; it decides what the template does, so the template runs once a shape and language,
with a mark in place of each text. Filling in is one pass over the texts. A template drawn so gets no request and
no user: a blank can hold nothing of the reader it was first drawn for.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from html import escape
from itertools import count
from typing import TypeAlias

from django.template.loader import get_template
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from thapsang.interfaces.shared.distributor import distributor

Value: TypeAlias = "str | bool | Sequence[Value] | Mapping[str, Value] | None"
KEPT = 500
_MARK = re.compile("\ue000([0-9]+)\ue001")
_TEXT = "text"
_SPECIAL = re.compile("[&<>\"']").search
_blanks: OrderedDict[Hashable, list[str | int]] = OrderedDict()
_lock = threading.Lock()


def filled(template: str, values: Mapping[str, Value], **fixed: Hashable) -> str:
    """Return the page of `template` with `values` in it, escaped unless marked safe; `distributor` is there too.

    The template may ask whether a value is there and walk lists, but may not look at a text or change it (no
    filters): that is for the few values given as `fixed`, which are part of the shape.
    """
    texts: list[str] = []
    key = (template, get_language(), *fixed.values(), _shape(values, texts))
    with _lock:
        blank = _blanks.get(key)
        if blank is not None:
            _blanks.move_to_end(key)
    if blank is None:
        blank = _printed(template, values, fixed)
        with _lock:
            _blanks[key] = blank
            while len(_blanks) > KEPT:
                _blanks.popitem(last=False)
    safe = [text if not _SPECIAL(text) or isinstance(text, SafeString) else escape(text) for text in texts]
    return "".join([part if isinstance(part, str) else safe[part] for part in blank])


def _shape(value: Value, texts: list[str]) -> Hashable:
    """Return what of a value decides the page's form; put its texts into `texts`, in order."""
    if isinstance(value, str):
        if not value:
            return ""
        texts.append(value)
        return _TEXT
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        shape: list[Hashable] = []
        for name, each in value.items():
            shape.append(name)
            if each.__class__ is str and each:  # as most are
                texts.append(each)
                shape.append(_TEXT)
            else:
                shape.append(_shape(each, texts))
        return tuple(shape)
    return tuple([_shape(each, texts) for each in value])


def _printed(template: str, values: Mapping[str, Value], fixed: Mapping[str, Hashable]) -> list[str | int]:
    """Draw the template with marks for texts; give its pieces, a number where a text goes."""
    marks = count()
    context = {name: _marked(value, marks) for name, value in values.items()}
    page = get_template(template).render({**fixed, **context, "distributor": distributor()})
    pieces: list[str | int] = list(_MARK.split(page))
    pieces[1::2] = [int(number) for number in pieces[1::2]]
    return pieces


def _marked(value: Value, marks: count[int]) -> object:
    if isinstance(value, str):
        return SafeString(f"\ue000{next(marks)}\ue001") if value else ""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {name: _marked(each, marks) for name, each in value.items()}
    return [_marked(each, marks) for each in value]
