"""Every encrypted column there is, read off the models' own marks.

A field whose name ends in `_cipher` is an encrypted column; its model's `Privacy.encrypted` says under which
purpose. Key rotation walks this list, so a column that is not marked is an error, not an omission.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from thapsang.kit.privacy.marking import Privacy, PurposeBy

TEXT_LIKE = (
    models.CharField,
    models.TextField,
    models.BinaryField,
    models.JSONField,
    models.FileField,
    models.GenericIPAddressField,
    ArrayField,
    SearchVectorField,
)
"""Fields that can hold personal data in words, bytes or structures."""


ELSEWHERE: list[EncryptedColumn] = []
"""Encrypted values in tables of other projects; the app that writes them adds them (`AppConfig.ready`)."""


class UnmarkedFieldError(TypeError):
    """A model's fields are not classed exactly once, or an encrypted column states no purpose."""


@dataclass(frozen=True)
class EncryptedColumn:
    """An encrypted column; `purpose_column` is set when another column of the row decides the purpose."""

    table: str
    column: str
    key: str
    purpose: str | PurposeBy
    json_key: str = ""
    """Set when the value stands, as base64, under this key of a JSON column."""

    @property
    def purpose_column(self) -> str | None:
        """Name of the column that decides the purpose, if one does."""
        return self.purpose.column if isinstance(self.purpose, PurposeBy) else None

    def purpose_of(self, value: str | None) -> str:
        """Return the purpose of a row, given the deciding column's value."""
        return self.purpose.of(value or "") if isinstance(self.purpose, PurposeBy) else self.purpose


def our_models() -> list[type[models.Model]]:
    """Return all models of this project."""
    return [model for model in apps.get_models() if model.__module__.startswith("thapsang.")]


def text_like_fields(model: type[models.Model]) -> Iterator[models.Field[object, object]]:
    """Return the model's own fields that can hold words, bytes or structures."""
    for field in model._meta.concrete_fields:
        kind = field.output_field if isinstance(field, models.GeneratedField) else field
        if isinstance(kind, TEXT_LIKE):
            yield field


def faults(model: type[models.Model]) -> list[str]:
    """Return what is wrong with a model's marks: fields unmarked, marked twice, unknown, without purpose."""
    marks = getattr(model, "privacy", None)
    names = {field.name for field in text_like_fields(model)}
    if not isinstance(marks, Privacy):
        return [f"{model.__name__}: no `privacy`"] if names else []
    marked = [*marks.basic, *marks.sensitive, *marks.none]
    known = {field.name for field in model._meta.get_fields()}
    ciphers = {name for name in names if name.endswith("_cipher")}
    return [
        *(f"{model.__name__}.{name}: not classed" for name in sorted(names - set(marked))),
        *(
            f"{model.__name__}.{name}: classed twice"
            for name in sorted(set(marked))
            if marked.count(name) > 1
        ),
        *(f"{model.__name__}.{name}: no such field" for name in sorted(set(marked) - known)),
        *(f"{model.__name__}.{name}: no purpose" for name in sorted(ciphers ^ set(marks.encrypted))),
        *(f"{model.__name__}.{name}: not sensitive" for name in sorted(ciphers - set(marks.sensitive))),
    ]


def encrypted_columns(models_: Iterable[type[models.Model]] | None = None) -> list[EncryptedColumn]:
    """Return all encrypted columns. Raises UnmarkedFieldError when one states no purpose."""
    found = []
    for model in our_models() if models_ is None else models_:
        missing = [fault for fault in faults(model) if fault.endswith("no purpose")]
        if missing:
            raise UnmarkedFieldError(f"{'; '.join(missing)}: add it to the model's Privacy(encrypted=…).")
        marks = getattr(model, "privacy", None)
        for name, purpose in marks.encrypted.items() if isinstance(marks, Privacy) else ():
            meta = model._meta
            # Neither has a name of its own for the database: `_cipher` columns are plain, keys are single.
            found.append(EncryptedColumn(meta.db_table, name, str(meta.pk and meta.pk.attname), purpose))
    return found if models_ is not None else [*found, *ELSEWHERE]
