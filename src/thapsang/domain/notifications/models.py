"""Messages that were sent, or tried, and the one-time codes that prove who holds a phone."""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy, PurposeBy


class Message(models.Model):
    """One message to one address through one channel: an outbox until it is sent, a record afterwards."""

    privacy = Privacy(
        sensitive=("address_cipher", "text_cipher"),
        none=("channel", "template", "status", "provider_reference", "problem", "about"),
        encrypted={"address_cipher": PurposeBy("channel", {"sms": "phone"}), "text_cipher": "message"},
    )

    channel = models.CharField(max_length=8)
    template = models.CharField(max_length=40)
    address_cipher = models.BinaryField(editable=False)
    text_cipher = models.BinaryField(null=True, editable=False)
    """The text, encrypted, while it waits to be sent; gone as soon as it was sent or given up. Of an e-mail its
    letter as JSON, or nothing where it is made from `about` when it is sent."""
    status = models.CharField(max_length=10, default="queued")
    """queued, sent, failed; of an e-mail also refused (by the receiver's server), bounced (came back later)."""
    provider_reference = models.CharField(max_length=80, blank=True)
    problem = models.TextField(blank=True)
    about = models.CharField(max_length=80, null=True, unique=True)
    """What it tells, such as `payment:7`: told once, however often it is asked for."""
    created_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(null=True)
    """When a queued message is to be tried (again)."""
    expires_at = models.DateTimeField(null=True)
    """Of no use afterwards, such as a one-time code: not sent any more."""
    tried_at = models.DateTimeField(null=True)
    """When an e-mail was last tried: the policy says how many a minute."""

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="message_due", condition=models.Q(status="queued")),
            models.Index(
                fields=["due_at"],
                name="email_waited_for",
                condition=models.Q(status="queued", channel="email", expires_at__isnull=False),
            ),
            models.Index(fields=["tried_at"], name="email_tried", condition=models.Q(channel="email")),
            models.Index(
                fields=["provider_reference"], name="email_by_its_id", condition=models.Q(channel="email")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.template}"


class PhoneCode(models.Model):
    """A one-time code sent to a phone (docs/adr/0011); neither it nor the number can be read from the row."""

    privacy = Privacy(
        sensitive=("phone_cipher", "phone_index", "sender_index", "code_hash"),
        none=("purpose",),
        encrypted={"phone_cipher": "phone"},
    )

    purpose = models.CharField(max_length=20)
    phone_cipher = models.BinaryField(editable=False)
    phone_index = models.BinaryField(editable=False)
    sender_index = models.BinaryField(editable=False)
    """Keyed hash of the network address that asked."""
    code_hash = models.BinaryField(null=True, editable=False)
    """Keyed hash of the code; null when there was nothing to sign in to, and then no code fits."""
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["phone_index", "created_at"], name="phone_code_by_phone"),
            models.Index(fields=["sender_index", "created_at"], name="phone_code_by_sender"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}"


class EmailCode(models.Model):
    """A one-time code sent to an e-mail address for somebody signed in; only they can use it (docs/adr/0028)."""

    privacy = Privacy(
        sensitive=("email_cipher", "asker_hash", "code_hash"),
        none=("language",),
        encrypted={"email_cipher": "email"},
    )

    email_cipher = models.BinaryField(editable=False)
    asker_hash = models.BinaryField(editable=False)
    """Keyed hash of who asked."""
    code_hash = models.BinaryField(null=True, editable=False)
    language = models.CharField(max_length=2)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["asker_hash", "created_at"], name="email_code_by_asker")]

    def __str__(self) -> str:
        return f"e-mail code {self.pk}"
