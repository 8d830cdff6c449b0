"""Users (customers and staff), one-time codes and machine clients."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.functional import cached_property

from thapsang.kit.identity.access import STAFF, Audience
from thapsang.kit.privacy.marking import Privacy


class User(AbstractUser):
    """A person who signs in: a customer by phone and one-time code, staff by password and TOTP.

    A customer's phone number is stored encrypted, with a blind index for look-up.
    """

    privacy = Privacy(
        basic=("username", "first_name", "last_name", "email"),
        sensitive=("password", "phone_cipher", "phone_index"),
        encrypted={"phone_cipher": "phone"},
        none=("locale",),
    )

    phone_cipher = models.BinaryField(null=True, blank=True, editable=False)
    phone_index = models.BinaryField(null=True, blank=True, editable=False, unique=True)
    phone_verified = models.BooleanField(default=False)
    locale = models.CharField(max_length=5, default="vi")

    @property
    def audiences(self) -> frozenset[Audience]:
        """The audiences this user belongs to: the staff roles, or CUSTOMER."""
        if not self.is_staff:
            return frozenset({Audience.CUSTOMER})
        return self._roles

    @cached_property
    def _roles(self) -> frozenset[Audience]:
        names = set(self.groups.values_list("name", flat=True))
        return frozenset(role for role in STAFF if role.value in names)


class ApiClient(models.Model):
    """A bank, wallet, portal or AMI head-end that calls the API with OAuth2 client credentials."""

    privacy = Privacy(sensitive=("secret_hash",), none=("client_id", "name", "scopes"))

    client_id = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    secret_hash = models.CharField(max_length=200)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    requests_per_minute = models.PositiveIntegerField(default=600)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    window = models.BigIntegerField(default=0)
    """The minute (since 1970) whose calls are counted in `window_calls`."""
    window_calls = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class ApiToken(models.Model):
    """A bearer token given to a client; only its hash is kept."""

    privacy = Privacy(sensitive=("token_hash",), none=("scopes",))

    token_hash = models.BinaryField(unique=True)
    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="tokens")
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"token of {self.client_id}"


class Throttle(models.Model):
    """Attempts at something within a window of time, counted for all processes together."""

    privacy = Privacy(none=("key",))

    key = models.BinaryField(primary_key=True)
    """Keyed hash of what is attempted and by whom: no name, phone or address is readable here."""
    since = models.DateTimeField(db_index=True)
    attempts = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.attempts} since {self.since}"
