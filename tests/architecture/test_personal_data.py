"""Every field that can hold personal data is classed, on every model of ours; every cipher has a purpose."""

from __future__ import annotations

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.test.utils import isolate_apps

from thapsang.kit.privacy import registry
from thapsang.kit.privacy.marking import Privacy, PurposeBy


@pytest.mark.parametrize("model", registry.our_models(), ids=lambda model: model._meta.label)
def test_every_field_is_classed_exactly_once(model: type[models.Model]) -> None:
    assert registry.faults(model) == []


def test_the_models_with_personal_data_are_among_those_walked() -> None:
    labels = {model._meta.label for model in registry.our_models()}
    assert {"customers.Customer", "customers.ContactPoint", "identity.User", "audit.AuditEntry"} <= labels


def test_every_encrypted_column_is_registered() -> None:
    columns = {(column.table, column.column) for column in registry.encrypted_columns()}
    named = {
        (model._meta.db_table, field.column)
        for model in registry.our_models()
        for field in model._meta.concrete_fields
        if field.name.endswith("_cipher")
    }
    assert columns == named | {("mfa_authenticator", "data")}
    assert ("customers_contactpoint", "value_cipher") in columns


@isolate_apps("thapsang.domain.customers")
def test_the_walk_finds_what_is_wrong() -> None:
    class Made(models.Model):
        privacy = Privacy(
            basic=("name", "twice"), sensitive=("a_cipher", "gone"), none=("twice",), encrypted={}
        )
        name = models.CharField(max_length=9)
        twice = models.TextField()
        forgotten = models.TextField()
        a_cipher = models.BinaryField()
        b_cipher = models.BinaryField()
        tags = ArrayField(models.CharField(max_length=3))
        count = models.IntegerField()

        class Meta:
            app_label = "customers"

    assert registry.faults(Made) == [
        "Made.b_cipher: not classed",
        "Made.forgotten: not classed",
        "Made.tags: not classed",
        "Made.twice: classed twice",
        "Made.gone: no such field",
        "Made.a_cipher: no purpose",
        "Made.b_cipher: no purpose",
        "Made.b_cipher: not sensitive",
    ]
    with pytest.raises(registry.UnmarkedFieldError, match="a_cipher"):
        registry.encrypted_columns([Made])


@isolate_apps("thapsang.domain.customers")
def test_a_model_without_marks_is_found() -> None:
    class Bare(models.Model):
        note = models.JSONField()

        class Meta:
            app_label = "customers"

    class Numbers(models.Model):
        count = models.IntegerField()

        class Meta:
            app_label = "customers"

    assert registry.faults(Bare) == ["Bare: no `privacy`"]
    assert registry.faults(Numbers) == []


def test_a_purpose_may_follow_another_column() -> None:
    by_kind = PurposeBy("kind", {"sms": "phone"})
    assert (by_kind.of("sms"), by_kind.of("email")) == ("phone", "email")
