"""Series, invoices and what became of each; months and books under work; packs of files; messages to the authority.

An invoice's number says which bill it is of: bill number × 10 + copy. Copy 0 is the bill's invoice; a later copy
replaces one the tax authority rejected. The primary key alone keeps a bill from two invoices (docs/adr/0020).
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from thapsang.kit.privacy.marking import Privacy


class Series(models.Model):
    """Ký hiệu hóa đơn of a year; hands out numbers 1, 2, 3 … without a gap (held by the database)."""

    privacy = Privacy(none=("form", "code"))

    form = models.CharField(max_length=1)
    """KHMSHDon."""
    code = models.CharField(max_length=6)
    """KHHDon, such as C26TNA."""
    year = models.SmallIntegerField()
    next_number = models.IntegerField(default=1)
    last_issued_on = models.DateField(null=True, blank=True)
    """Days never go back within a series."""
    closed = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(fields=["form", "code"], name="invoice_series_once"),
            models.CheckConstraint(
                condition=Q(next_number__gte=1) & Q(next_number__lte=100_000_000),
                name="invoice_series_numbers",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.form}{self.code}"


class Batch(models.Model):
    """The invoices of one month's bills."""

    privacy = Privacy(none=("status",))

    period = models.DateField(unique=True)
    status = models.CharField(
        max_length=10, default="running", choices=[("running", "đang chạy"), ("finished", "xong")]
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.period:%Y-%m}"


class BatchBook(models.Model):
    """One reading book of a batch: numbered as a whole, then signed as a whole."""

    privacy = Privacy(none=("status", "problem"))

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="books")
    book = models.ForeignKey("network.ReadingBook", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=8, default="waiting")
    """waiting, numbered (to be signed), done, failed (with `problem`); one under work is locked."""
    problem = models.TextField(blank=True)
    bills = models.IntegerField(default=0)
    """Bills of the month that are to have an invoice, when the book was last prepared."""
    invoices = models.IntegerField(default=0)
    """Signed invoices."""
    total = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "book"], name="invoice_book_once")]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.book_id}"


class Pack(models.Model):
    """A zip of signed invoices: one book of a month, one piece of work. The file is kit.files' by its hash."""

    privacy = Privacy(none=("sha256", "name"))

    batch_book = models.ForeignKey(BatchBook, on_delete=models.PROTECT, related_name="packs")
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=100)
    invoices = models.IntegerField()
    size = models.BigIntegerField()
    made_at = models.DateTimeField()
    first_invoice = models.BigIntegerField()
    last_invoice = models.BigIntegerField()
    """Its invoices' numbers of ours lie between these, among others."""
    in_messages = models.BooleanField(default=False)
    """All its invoices are in messages to the authority."""

    class Meta:
        indexes = [models.Index(fields=["id"], name="pack_to_send", condition=Q(in_messages=False))]

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """An envelope (TDiep) of invoices to the tax authority, and how it fared."""

    privacy = Privacy(none=("code", "sha256", "status", "problem", "answer_sha256"))

    code = models.CharField(max_length=50, unique=True)
    """MTDiep: the same in every try, so that the authority knows a message it has."""
    sha256 = models.BinaryField(max_length=32, null=True)
    """Of the envelope first sent; every later try must be the same bytes."""
    invoices = models.IntegerField()
    status = models.CharField(max_length=9, default="ready")
    """ready, received (an answer is waited for), answered, refused (as a whole), given-up."""
    problem = models.TextField(blank=True)
    tries = models.SmallIntegerField(default=0)
    questions = models.SmallIntegerField(default=0)
    """How often the answer was asked for."""
    answers = models.SmallIntegerField(default=0)
    rejected = models.IntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    answer_sha256 = models.BinaryField(max_length=32, null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="invoice_message_due",
                condition=Q(status__in=["ready", "received"]),
            ),
            models.Index(fields=["sent_at"], name="invoice_message_sent"),
            models.Index(fields=["id"], name="invoice_message_rejected", condition=Q(rejected__gt=0)),
        ]

    def __str__(self) -> str:
        return self.code


class Invoice(models.Model):
    """Hóa đơn điện tử. Number and amounts never change; only where it stands does. Amounts in đồng."""

    privacy = Privacy(
        basic=("look_up_code",), none=("status", "authority_code", "rejection", "sha256", "reason")
    )

    id = models.BigIntegerField(primary_key=True)
    """Bill number × 10 + copy."""
    # No row-by-row foreign keys: statement triggers prove series, bill, customer, amounts, pack and message.
    series = models.ForeignKey(
        Series, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    number = models.IntegerField()
    bill = models.ForeignKey(
        "billing.Bill", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    issued_on = models.DateField()
    net = models.BigIntegerField()
    vat = models.BigIntegerField()
    total = models.BigIntegerField()
    look_up_code = models.CharField(max_length=12)
    """Sixty random bits; whoever holds it may see the invoice."""
    status = models.CharField(max_length=10, default="numbered")
    """numbered → signed → sent → accepted | rejected | unanswered (→ accepted | rejected)."""
    steps = models.SmallIntegerField(default=1)
    """Events so far; the next one takes the next number."""
    relation = models.SmallIntegerField(null=True)
    """1 replaces, 2 adjusts (TCHDon)."""
    relates_to = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="+", null=True, db_index=False, db_constraint=False
    )
    reason = models.CharField(max_length=255, default="")
    signed_at = models.DateTimeField(null=True)
    sha256 = models.BinaryField(max_length=32, null=True)
    """Of the signed file."""
    pack = models.ForeignKey(
        Pack, on_delete=models.PROTECT, related_name="+", null=True, db_index=False, db_constraint=False
    )
    position = models.BigIntegerField(null=True)
    """Where the file begins in the pack, in bytes."""
    size = models.IntegerField(null=True)
    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, related_name="+", null=True, db_index=False, db_constraint=False
    )
    authority_code = models.CharField(max_length=34, default="")
    """MCCQT."""
    rejection = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["series", "number"], name="invoice_number_once"),
            # Not `unique=True`: that makes a second index, for LIKE, and nobody asks for a part of a code.
            models.UniqueConstraint(fields=["look_up_code"], name="invoice_look_up_code_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="invoice_number_positive"),
            models.CheckConstraint(
                condition=Q(relation__isnull=True, relates_to__isnull=True)
                | Q(relation__in=[1, 2], relates_to__isnull=False),
                name="invoice_relation",
            ),
        ]
        # No index names `status`: signing a million rows then changes no index (docs/adr/0020).
        indexes = [
            models.Index(fields=["message"], name="invoice_message", condition=Q(message__isnull=False)),
            models.Index(
                fields=["relates_to"], name="invoice_related", condition=Q(relates_to__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series_id}/{self.number}"


class InvoiceEvent(models.Model):
    """One step in an invoice's life; only ever added."""

    privacy = Privacy(none=("kind", "detail"))

    pk = models.CompositePrimaryKey("invoice_id", "step")
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, related_name="events", db_index=False, db_constraint=False
    )
    step = models.SmallIntegerField()
    kind = models.CharField(max_length=10)
    """numbered, signed, sent, accepted, rejected, unanswered."""
    at = models.DateTimeField()
    message_id = models.BigIntegerField(null=True)
    detail = models.CharField(max_length=500, default="")
    """Code or reason the authority gave."""

    def __str__(self) -> str:
        return f"{self.invoice_id}/{self.step} {self.kind}"


class Obstacle(models.Model):
    """Why a bill has no invoice, and what to do; gone once it has one."""

    privacy = Privacy(none=("element", "problem", "remedy"))

    bill = models.OneToOneField(
        "billing.Bill", on_delete=models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    batch_book = models.ForeignKey(BatchBook, on_delete=models.CASCADE, related_name="obstacles")
    element = models.CharField(max_length=60)
    problem = models.TextField()
    remedy = models.TextField()
    found_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.bill_id}: {self.element}"
