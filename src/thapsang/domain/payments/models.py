"""Intents to pay, payments, allocations, callbacks and the banks' confirmations."""

from __future__ import annotations

from django.db import models

from thapsang.domain.payments.types import TO_JUDGE
from thapsang.kit.privacy.marking import Privacy


class PaymentIntent(models.Model):
    """A customer wants to pay: what, how much, by which way. The gateway's TxnRef is its `reference`."""

    privacy = Privacy(none=("reference", "method", "status", "bill_set"))

    reference = models.CharField(max_length=32, unique=True)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=10, choices=[("gateway", "thẻ hoặc ví"), ("vietqr", "VietQR")])
    owed = models.BigIntegerField()
    """What is still owed on the bills meant; the database holds it equal to the sum of `bills`."""
    amount = models.BigIntegerField()
    """What the customer is asked for. Zero fee: always equal to `owed`."""
    bill_set = models.CharField(max_length=64)
    """Fingerprint of the bills meant: one open intent for the same bills by the same way."""
    status = models.CharField(
        max_length=10,
        default="open",
        choices=[("open", "chờ"), ("paid", "đã trả"), ("failed", "không thành"), ("expired", "hết hạn")],
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="intent_amount_positive"),
            models.CheckConstraint(condition=models.Q(amount=models.F("owed")), name="intent_zero_fee"),
            models.UniqueConstraint(
                fields=["customer", "method", "bill_set"],
                condition=models.Q(status="open"),
                name="intent_one_open",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class IntentBill(models.Model):
    """One bill an intent is meant to pay."""

    privacy = Privacy()

    intent = models.ForeignKey(PaymentIntent, on_delete=models.CASCADE, related_name="bills")
    bill_id = models.BigIntegerField()
    amount = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.bill_id)


class Payment(models.Model):
    """Money received. The same provider's reference is the same payment, for ever."""

    privacy = Privacy(none=("channel", "provider", "provider_reference", "receipt_code"))

    customer = models.ForeignKey(
        "customers.Customer",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    """Held by triggers on whole statements, as `journal` is and `Allocation.payment` (migration 0007)."""
    channel = models.CharField(max_length=10)
    """gateway, bank, counter."""
    provider = models.CharField(max_length=40)
    provider_reference = models.CharField(max_length=80)
    receipt_code = models.CharField(max_length=24)
    amount = models.BigIntegerField()
    intent = models.ForeignKey(
        PaymentIntent, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    journal = models.ForeignKey(
        "ledger.Journal", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    business_date = models.DateField()
    """The day in Việt Nam on which the payer paid: the day of its journal and of the provider's statement."""
    paid_at = models.DateTimeField()
    received_at = models.DateTimeField()
    paid_below = models.BigIntegerField(null=True)
    """With this payment, the customer's bills with a smaller number are paid in full, `LateBill`s apart: the first
    number of a month. What is open is looked for from there on, however many years lie before (docs/adr/0008)."""

    class Meta:
        indexes = [
            models.Index(fields=["provider", "business_date", "id"], name="payment_statement"),
            models.Index(fields=["customer", "paid_below"], name="payment_paid_below"),
            models.Index(fields=["intent"], name="payment_intent", condition=models.Q(intent__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["provider", "provider_reference"], name="payment_once"),
            models.UniqueConstraint(fields=["receipt_code"], name="payment_receipt_once"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="payment_positive"),
        ]

    def __str__(self) -> str:
        return self.receipt_code


class LateBill(models.Model):
    """A bill that was issued when a later month's run had begun; the database writes it down with the bill.

    `Payment.paid_below` says nothing about it, so that it is always looked for.
    """

    privacy = Privacy()

    bill_id = models.BigIntegerField(primary_key=True)
    customer_id = models.BigIntegerField(db_index=True)
    total = models.BigIntegerField()
    due_on = models.DateField()

    def __str__(self) -> str:
        return str(self.bill_id)


class Allocation(models.Model):
    """How much of a payment paid which bill; what is not allocated is the customer's credit."""

    privacy = Privacy()

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="allocations", db_index=False, db_constraint=False
    )
    bill_id = models.BigIntegerField(db_index=True)
    amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payment", "bill_id"], name="allocation_once"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="allocation_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.bill_id}"


class Callback(models.Model):
    """A provider's message as it came, and what we made of it. Forged ones are kept as well."""

    privacy = Privacy(sensitive=("payload",), none=("provider", "kind", "verdict", "reference"))

    provider = models.CharField(max_length=40)
    kind = models.CharField(max_length=10)
    payload = models.JSONField()
    verdict = models.CharField(max_length=30)
    reference = models.CharField(max_length=80, blank=True, db_index=True)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["id"],
                name="callback_to_judge",
                condition=models.Q(verdict__in=[str(one) for one in TO_JUDGE]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.verdict}"


class Confirmation(models.Model):
    """A bank's or wallet's confirmed payment under its idempotency key, with the answer it was given."""

    privacy = Privacy(none=("client_id", "key", "body_hash", "answer"))

    client_id = models.CharField(max_length=40)
    key = models.CharField(max_length=80)
    body_hash = models.BinaryField()
    status = models.SmallIntegerField()
    answer = models.JSONField()
    payment = models.ForeignKey(
        Payment, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client_id", "key"], name="confirmation_once")]

    def __str__(self) -> str:
        return self.key


class RefundFile(models.Model):
    """A file of refunds handed to the bank. Its bytes are written again from its requests; the hash holds them."""

    privacy = Privacy(basic=("made_name",), none=("message", "sha256"))

    message = models.CharField(max_length=35, unique=True)
    count = models.IntegerField()
    total = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    execute_on = models.DateField()
    made_by = models.BigIntegerField(null=True)
    made_name = models.CharField(max_length=150)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(count__gt=0) & models.Q(total__gt=0), name="refund_file_pays"
            )
        ]

    def __str__(self) -> str:
        return self.message


class RefundRequest(models.Model):
    """Credit to be paid back: asked, approved by somebody else, sent to the bank, paid or returned (docs/adr/0025).

    When it is sent, the payments that made the credit are allocated to it under the number `-id`.
    """

    privacy = Privacy(
        basic=("asked_name", "decided_name", "account_tail"),
        sensitive=("holder_cipher", "account_cipher"),
        none=(
            "reference",
            "bank",
            "status",
            "reason",
            "decision",
            "problem",
            "bank_reference",
            "why_returned",
        ),
        encrypted={"holder_cipher": "bank-holder", "account_cipher": "bank-account"},
    )

    reference = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+")
    amount = models.BigIntegerField()
    bank = models.CharField(max_length=6)
    """The bank's number (NAPAS BIN)."""
    holder_cipher = models.BinaryField(editable=False)
    account_cipher = models.BinaryField(editable=False)
    account_tail = models.CharField(max_length=4)
    """The last digits, to know the account by."""
    status = models.CharField(
        max_length=10,
        default="asked",
        choices=[
            ("asked", "chờ duyệt"), ("approved", "đã duyệt"), ("rejected", "không duyệt"), ("withdrawn", "đã rút"),
            ("sent", "đã gửi ngân hàng"), ("paid", "đã chuyển"), ("returned", "bị trả lại"),
        ],
    )  # fmt: skip
    reason = models.CharField(max_length=300, blank=True)
    by_customer = models.BooleanField()
    asked_by = models.BigIntegerField(null=True)
    asked_name = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    decided_by = models.BigIntegerField(null=True, blank=True)
    decided_name = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=300, blank=True)
    """Why it was approved, rejected or withdrawn."""
    problem = models.CharField(max_length=20, blank=True)
    """Why the last file left it out: `credit-used`."""
    file = models.ForeignKey(RefundFile, null=True, on_delete=models.PROTECT, related_name="requests")
    sent_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    bank_reference = models.CharField(max_length=80, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True)
    why_returned = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["status", "id"], name="refund_queue"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="refund_positive"),
            models.CheckConstraint(
                condition=models.Q(status__in=["asked", "rejected", "withdrawn"])
                | ~models.Q(decided_name="") & models.Q(decided_at__isnull=False),
                name="refund_approved",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["asked", "rejected", "withdrawn"])
                | ~models.Q(decided_name=models.F("asked_name")),
                name="refund_four_eyes",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["sent", "paid", "returned"], file__isnull=False, sent_at__isnull=False
                )
                | models.Q(file__isnull=True, sent_at__isnull=True)
                & ~models.Q(status__in=["sent", "paid", "returned"]),
                name="refund_sent_in_a_file",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="paid") | models.Q(paid_at__isnull=False), name="refund_paid_when"
            ),
            models.CheckConstraint(
                condition=~models.Q(status="returned") | models.Q(returned_at__isnull=False),
                name="refund_returned_when",
            ),
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(status__in=["asked", "approved"]),
                name="refund_one_open",
            ),
        ]

    def __str__(self) -> str:
        return self.reference
