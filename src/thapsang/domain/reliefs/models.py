"""Programmes, the versions of the book they make, uses, evidence, batches and grants.

A programme is reviewed by somebody else than who drafted it, a batch approved by somebody else than who asked for it:
the database holds both. Programme texts, book versions and grants never change.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from thapsang.kit.privacy.marking import Privacy


class Programme(models.Model):
    """Chương trình giảm tiền điện: one edition, its YAML exactly as given, and who let it into force."""

    privacy = Privacy(
        basic=("drafted_by", "reviewed_by", "in_force_by", "closed_by"),
        none=("code", "valid_by", "name_vi", "name_en", "file", "text", "sha256", "status", "reason"),
    )

    code = models.CharField(max_length=40)
    valid_by = models.CharField(max_length=16)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True)
    stack_order = models.IntegerField()
    name_vi = models.CharField(max_length=200)
    name_en = models.CharField(max_length=200)
    file = models.CharField(max_length=120)
    """Name of the file among the distributor's reliefs, e.g. `2021-08-covid-4.yaml`; references are numbered by it."""
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    status = models.CharField(
        max_length=8,
        default="draft",
        choices=[
            ("draft", "bản thảo"),
            ("reviewed", "đã duyệt"),
            ("in-force", "đang áp dụng"),
            ("closed", "đã đóng"),
        ],
    )
    drafted_by = models.CharField(max_length=150)
    drafted_at = models.DateTimeField()
    reviewed_by = models.CharField(max_length=150, blank=True)
    reviewed_at = models.DateTimeField(null=True)
    in_force_by = models.CharField(max_length=150, blank=True)
    in_force_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=150, blank=True)
    closed_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    """Why it was drafted, and, after that, why it was closed."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reviewed_by="") | ~Q(reviewed_by=F("drafted_by")), name="programme_two_people"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "closed"]) | ~Q(reviewed_by=""),
                name="programme_reviewed_first",
            ),
            models.UniqueConstraint(
                fields=["sha256"], condition=~Q(status="closed"), name="programme_text_once"
            ),
            models.UniqueConstraint(
                fields=["code", "valid_from"], condition=Q(status="in-force"), name="programme_edition_once"
            ),
            models.UniqueConstraint(
                fields=["file"], condition=Q(status="in-force"), name="programme_file_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}@{self.valid_from}"


class BookVersion(models.Model):
    """All programmes in force at one moment with vocabulary, doubts and references; kept for ever."""

    privacy = Privacy(none=("sha256", "distributor", "content"))

    sha256 = models.CharField(max_length=64, unique=True)
    distributor = models.CharField(max_length=40)
    content = models.JSONField()
    """`format` (types.FORMAT), `files` {path under policies/: content}, `references` as the lines cite them."""
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.distributor} {self.sha256[:12]}"


class PremisesUse(models.Model):
    """What premises are used for (hotel, storage, isolation site …) on the days [start, end)."""

    privacy = Privacy(basic=("recorded_by",), none=("use", "source"))

    supply_point = models.ForeignKey("customers.SupplyPoint", on_delete=models.PROTECT, related_name="+")
    use = models.CharField(max_length=40)
    start = models.DateField()
    end = models.DateField(null=True)
    source = models.CharField(max_length=200)
    """The document that says so."""
    recorded_by = models.CharField(max_length=150)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(end__isnull=True) | Q(end__gt=F("start")), name="use_days"),
            models.UniqueConstraint(fields=["supply_point", "start"], name="use_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.use} {self.supply_point_id}"


class EvidenceList(models.Model):
    """A list an authority sent, as imported from one file."""

    privacy = Privacy(
        basic=("imported_by", "file_name"), none=("code", "authority", "document", "file_sha256")
    )

    code = models.CharField(max_length=40)
    """The list's code in the vocabulary: poor-households, directive-16 …"""
    authority = models.CharField(max_length=200)
    document = models.CharField(max_length=100)
    document_date = models.DateField()
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    imported_by = models.CharField(max_length=150)
    imported_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "file_sha256"], name="evidence_file_once")]

    def __str__(self) -> str:
        return f"{self.code} {self.document}"


class EvidenceRow(models.Model):
    """One row of a list as given, and whom it was found to mean."""

    privacy = Privacy(
        basic=("given", "decided_by"), none=("match", "candidates", "problem", "remedy", "decision")
    )

    list = models.ForeignKey(EvidenceList, on_delete=models.PROTECT, related_name="entries")
    number = models.IntegerField()
    given = models.JSONField()
    match = models.CharField(
        max_length=6,
        choices=[
            ("sure", "chắc chắn"),
            ("unsure", "chưa chắc"),
            ("none", "không tìm thấy"),
            ("bad", "sai dữ liệu"),
        ],
    )
    candidates = models.JSONField()
    """Of an unsure row: [{point, score}], the likeliest first."""
    problem = models.CharField(max_length=300, blank=True)
    remedy = models.CharField(max_length=300, blank=True)
    decision = models.CharField(max_length=8, blank=True, choices=[("taken", "đúng"), ("refused", "không")])
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["list", "number"], name="evidence_row_once")]
        indexes = [
            models.Index(
                fields=["list", "number"], condition=Q(match="unsure", decision=""), name="evidence_queue"
            )
        ]

    def __str__(self) -> str:
        return f"{self.list_id}/{self.number}"


class Evidence(models.Model):
    """Who stood on a list on the days [start, end): a supply point or a commune (its code)."""

    privacy = Privacy(none=("code", "area"))

    list = models.ForeignKey(EvidenceList, on_delete=models.PROTECT, related_name="+")
    row = models.ForeignKey(EvidenceRow, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=40)
    supply_point = models.ForeignKey(
        "customers.SupplyPoint", on_delete=models.PROTECT, related_name="+", null=True
    )
    area = models.CharField(max_length=10, blank=True)
    start = models.DateField()
    end = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(supply_point__isnull=True, area__gt="") | Q(supply_point__isnull=False, area=""),
                name="evidence_point_or_area",
            ),
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(end__gt=F("start")), name="evidence_days"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.supply_point_id or self.area}"


class Batch(models.Model):
    """Đợt áp dụng: programmes granted to months already billed, asked for by one person, let through by another.

    A `standing` one is the origin of what a month's bills gave themselves, as they were issued (docs/adr/0026).
    """

    privacy = Privacy(
        basic=("asked_by", "approved_by", "reverse_asked_by", "reverse_approved_by"),
        none=(
            "programmes",
            "months",
            "name",
            "status",
            "totals",
            "evidence_mark",
            "reason",
            "reverse_reason",
            "problem",
        ),
    )

    version = models.ForeignKey(BookVersion, on_delete=models.PROTECT, related_name="+")
    programmes = ArrayField(models.CharField(max_length=40))
    months = ArrayField(models.DateField())
    name = models.CharField(max_length=120)
    status = models.CharField(
        max_length=9,
        default="computing",
        choices=[
            ("computing", "đang tính"),
            ("ready", "chờ duyệt"),
            ("refused", "không duyệt"),
            ("applying", "đang áp dụng"),
            ("applied", "đã áp dụng"),
            ("reversing", "đang đảo"),
            ("reversed", "đã đảo"),
            ("standing", "theo hóa đơn"),
        ],
    )
    totals = models.JSONField(default=dict)
    """What the simulation before approval came to; what was granted is summed over the books."""
    evidence_mark = models.CharField(max_length=80, blank=True)
    """Which evidence and uses the totals were computed from; approval is refused when they changed since."""
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    reason = models.TextField()
    approved_by = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True)
    reverse_asked_by = models.CharField(max_length=150, blank=True)
    reverse_asked_at = models.DateTimeField(null=True)
    reverse_reason = models.TextField(blank=True)
    reverse_approved_by = models.CharField(max_length=150, blank=True)
    reverse_approved_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by="") | ~Q(approved_by=F("asked_by")), name="batch_two_people"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["computing", "ready", "refused", "standing"]) | ~Q(approved_by=""),
                name="batch_approved_first",
            ),
            models.CheckConstraint(
                condition=Q(reverse_approved_by="") | ~Q(reverse_approved_by=F("reverse_asked_by")),
                name="batch_reverse_two_people",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["reversing", "reversed"]) | ~Q(reverse_approved_by=""),
                name="batch_reverse_approved_first",
            ),
            models.UniqueConstraint(
                fields=["version", "months"], condition=Q(status="standing"), name="batch_standing_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.name}"


class BatchBook(models.Model):
    """One reading book in one month of a batch: granted, or taken back, in one transaction or not at all."""

    privacy = Privacy(none=("status", "problem"))

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="books")
    phase = models.SmallIntegerField()
    """1 grants, 2 takes back what phase 1 of the batch granted."""
    month = models.DateField()
    book = models.ForeignKey("network.ReadingBook", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=8, default="waiting")
    """waiting, done, failed (with `problem`); a book under work is waiting and locked."""
    problem = models.TextField(blank=True)
    points = models.IntegerField(default=0)
    """Points with a change."""
    bills = models.IntegerField(default=0)
    net = models.BigIntegerField(default=0)
    vat = models.BigIntegerField(default=0)
    cash = models.BigIntegerField(default=0)
    """What customers got, in đồng: above zero when granted, below when taken back."""
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "phase", "month", "book"], name="batch_book_once")
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.month}/{self.book_id}"


class Grant(models.Model):
    """What one rule gave one point for one month: kWh and đồng; below zero where it takes back. Never changed.

    What a point has from a programme for a month is the sum of its grants.
    """

    privacy = Privacy(none=("programme", "rule"))

    pk = models.CompositePrimaryKey("bill_id", "batch_id", "phase", "line_no")
    bill_id = models.BigIntegerField()
    """The regular or final bill relieved: its number says month and supply point."""
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    phase = models.SmallIntegerField()
    line_no = models.SmallIntegerField()
    supply_point = models.ForeignKey(
        "customers.SupplyPoint",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    month = models.DateField()
    adjusting_bill_id = models.BigIntegerField(null=True)
    """The bill that carries it, the relieved one itself when it was issued so; none for cash, paid apart."""
    programme = models.CharField(max_length=40)
    rule = models.CharField(max_length=40)
    kwh = models.BigIntegerField()
    amount = models.BigIntegerField()
    vat = models.BigIntegerField()
    cash = models.BigIntegerField()
    reference = models.SmallIntegerField()
    """Number of the legal reference in the batch's book version."""

    def __str__(self) -> str:
        return f"{self.bill_id} {self.programme}/{self.rule}"
