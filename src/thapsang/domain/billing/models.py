"""Bill runs, bills, lines and exceptions.

A bill's number says what it is for: `yymm` of the period, the supply point, a sequence (0 = the regular bill
of the period). The tables are partitioned by it, and the primary key alone keeps a point from being billed
twice for a period (docs/adr/0003).
"""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class BillRun(models.Model):
    """Kỳ lập hóa đơn: the billing of all points for one month."""

    privacy = Privacy(none=("status", "totals"))

    period = models.DateField(unique=True)
    """First day of the month billed."""
    status = models.CharField(
        max_length=10,
        default="running",
        choices=[("opened", "mở, chưa chạy"), ("running", "đang chạy"), ("finished", "xong")],
    )
    """`opened`: only final bills of the month so far (docs/adr/0023); the run itself has not begun."""
    policy_version = models.ForeignKey("tariffs.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    relief_version = models.ForeignKey(
        "reliefs.BookVersion", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    """The reliefs its bills gave themselves; null when none counted for the month as the run began."""
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    totals = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.period:%Y-%m}"


class BillRunBook(models.Model):
    """One reading book of a run: billed as a whole in one transaction, or not at all."""

    privacy = Privacy(none=("status", "problem", "categories"))

    run = models.ForeignKey(BillRun, on_delete=models.CASCADE, related_name="books")
    book = models.ForeignKey("network.ReadingBook", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=8, default="waiting")
    """waiting, done, failed (with `problem`); a book under work is waiting and locked."""
    problem = models.TextField(blank=True)
    passes = models.SmallIntegerField(default=0)
    """How often the book was billed: once, and again after exceptions were mended."""
    points = models.IntegerField(default=0)
    bills = models.IntegerField(default=0)
    exceptions = models.IntegerField(default=0)
    kwh = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    categories = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    """What each pass billed: [category, bills, kWh, net, VAT, total], so that the run need not read all its bills."""
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "book"], name="run_book_once")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.book_id}"


class Bill(models.Model):
    """Hóa đơn tiền điện as computed and posted; never edited once issued. Amounts in đồng."""

    privacy = Privacy(none=("category",))

    id = models.BigIntegerField(primary_key=True)
    """yymm × 10¹⁰ + supply point × 10 + sequence."""
    # No row-by-row foreign keys: statement triggers prove them for a whole COPY at once (docs/adr/0003).
    run = models.ForeignKey(
        BillRun, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    supply_point = models.ForeignKey(
        "customers.SupplyPoint",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    agreement = models.ForeignKey(
        "customers.SupplyAgreement",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    category = models.CharField(max_length=24)
    household_quarters = models.IntegerField()
    start = models.DateField()
    end = models.DateField()
    kwh = models.BigIntegerField()
    kvarh = models.BigIntegerField(default=0)
    estimated = models.BooleanField(default=False)
    net = models.BigIntegerField()
    vat_rate = models.IntegerField()
    """Basis points: 800 = 8 %."""
    vat = models.BigIntegerField()
    total = models.BigIntegerField()
    issued_on = models.DateField()
    due_on = models.DateField()

    def __str__(self) -> str:
        return str(self.pk)


class BillLine(models.Model):
    """One line of a bill: kWh at one price in one stretch of days."""

    privacy = Privacy(none=("kind", "band"))

    pk = models.CompositePrimaryKey("bill_id", "line_no")
    bill = models.ForeignKey(
        Bill, on_delete=models.PROTECT, related_name="lines", db_index=False, db_constraint=False
    )
    line_no = models.SmallIntegerField()
    kind = models.CharField(max_length=8)
    """tier, band, flat, reactive; relief, below zero, for what a resolution takes off."""
    tier = models.SmallIntegerField(default=0)
    band = models.CharField(max_length=8, default="")
    kwh = models.BigIntegerField()
    price = models.IntegerField()
    amount = models.BigIntegerField()
    start = models.DateField()
    end = models.DateField()
    reference = models.SmallIntegerField()
    """Number of the legal reference in the run's policy version; of a relief, in its book version."""

    def __str__(self) -> str:
        return f"{self.bill_id}/{self.line_no}"


class BillLink(models.Model):
    """Why a later bill of a month stands beside an earlier one: it adjusts it, cancels it or stands in its place.

    What is owed for a month is the sum of its bills: a bill that replaces another comes with one that cancels it.
    Written with the bill and never changed.
    """

    privacy = Privacy(none=("kind", "origin"))

    bill = models.OneToOneField(
        Bill, on_delete=models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    of_bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    kind = models.CharField(
        max_length=8,
        choices=[("adjusts", "điều chỉnh"), ("cancels", "hủy"), ("replaces", "thay thế")],
    )
    origin = models.CharField(max_length=40)
    """What made it: `relief:<batch>` or `correction:<id>`."""
    relief_version_id = models.BigIntegerField(null=True)
    """The book of reliefs in which the references of its lines of kind `relief` count."""
    policy_version = models.ForeignKey(
        "tariffs.PolicyVersion", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    """The tariffs it was rated with and its lines cite, where they are not the run's."""

    def __str__(self) -> str:
        return f"{self.bill_id} {self.kind} {self.of_bill_id}"


class FinalBill(models.Model):
    """Hóa đơn chấm dứt: the last bill of an agreement that ended inside a month, issued before the month's run.

    It has a later sequence and no link: the regular number stays free for who moves in.
    """

    privacy = Privacy(basic=("reason",), none=("document",))

    bill = models.OneToOneField(
        Bill, on_delete=models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    agreement = models.OneToOneField(
        "customers.SupplyAgreement", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    ended_on = models.DateField()
    """First day without the agreement."""
    policy_version = models.ForeignKey("tariffs.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    relief_version = models.ForeignKey(
        "reliefs.BookVersion", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    """The reliefs it gave itself; null when none counted."""
    reason = models.CharField(max_length=300)
    document = models.CharField(max_length=200, blank=True)
    issued_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.bill_id)


class Correction(models.Model):
    """Đợt điều chỉnh: months derived again and set against what is billed; a draft until a second person issues it.

    Sums are of the differences, in kWh and đồng; `moved` adds them up without their signs.
    """

    privacy = Privacy(
        basic=("reason", "asked_name", "approved_name"),
        none=("status", "how", "tariff", "document", "sha256", "digests"),
    )

    status = models.CharField(
        max_length=10,
        default="draft",
        choices=[
            ("draft", "bản thảo"), ("issuing", "đang phát hành"), ("issued", "đã phát hành"),
            ("withdrawn", "đã bỏ"),
        ],
    )  # fmt: skip
    how = models.CharField(
        max_length=8, blank=True, choices=[("adjust", "điều chỉnh"), ("replace", "thay thế")]
    )
    tariff = models.CharField(
        max_length=8, choices=[("kept", "biểu giá của kỳ"), ("current", "biểu giá hiện hành")]
    )
    policy_version = models.ForeignKey(
        "tariffs.PolicyVersion", null=True, on_delete=models.PROTECT, related_name="+"
    )
    """The tariffs of every bill of a correction of tariff `current`; null: each month's own."""
    reason = models.CharField(max_length=300)
    document = models.CharField(max_length=200)
    """The paper it rests on: a minute of inspection, a decision, a customer's letter."""
    asked_by = models.BigIntegerField(null=True, blank=True)
    asked_name = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    four_eyes = models.BooleanField()
    """More than one customer, or more money than one person may move: another must issue it."""
    approved_by = models.BigIntegerField(null=True, blank=True)
    approved_name = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    customers = models.IntegerField()
    bills = models.IntegerField()
    same = models.IntegerField()
    """Months looked at that came out as billed."""
    kwh = models.BigIntegerField()
    net = models.BigIntegerField()
    vat = models.BigIntegerField()
    total = models.BigIntegerField()
    moved = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    digests = models.JSONField(default=dict)
    """What each month and book came to, as `2026-10:<book id>`: sha256; issuing derives again and compares."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["draft", "withdrawn"])
                | ~models.Q(approved_name="") & ~models.Q(how="") & models.Q(approved_at__isnull=False),
                name="correction_approved",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["draft", "withdrawn"])
                | models.Q(four_eyes=False)
                | ~models.Q(approved_name=models.F("asked_name")),
                name="correction_four_eyes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.status}"


class CorrectionBill(models.Model):
    """One month of one point in a correction: what is billed, what should be, and the bill that sets it right."""

    privacy = Privacy(none=("code", "detail", "only", "lines"))

    correction = models.ForeignKey(Correction, on_delete=models.CASCADE, related_name="rows")
    of_bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    """The month's regular bill; its number names month and point."""
    book = models.ForeignKey("network.ReadingBook", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey("customers.Customer", null=True, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=30, blank=True)
    """Empty, or why this month cannot be corrected."""
    detail = models.JSONField(default=dict)
    only = models.CharField(max_length=8, blank=True)
    """`replace` or `adjust` where the other way is not open."""
    old_kwh = models.BigIntegerField(default=0)
    old_net = models.BigIntegerField(default=0)
    old_vat = models.BigIntegerField(default=0)
    old_total = models.BigIntegerField(default=0)
    new_kwh = models.BigIntegerField(default=0)
    new_net = models.BigIntegerField(default=0)
    new_vat = models.BigIntegerField(default=0)
    new_total = models.BigIntegerField(default=0)
    relief_total = models.BigIntegerField(default=0)
    """What relief batches took off this month, apart: it is not derived again here."""
    paid = models.BigIntegerField(default=0)
    lines = models.JSONField(default=list)
    """Lines that differ: kind, tier, band, price, start, end, kWh and đồng before and after."""
    made_bill_id = models.BigIntegerField(null=True, blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["correction", "of_bill"], name="correction_month_once"),
            models.CheckConstraint(
                condition=models.Q(made_bill_id__isnull=True, issued_at__isnull=True)
                | models.Q(made_bill_id__isnull=False, issued_at__isnull=False, code=""),
                name="correction_made_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.correction_id}/{self.of_bill_id}"


class BillingException(models.Model):
    """A point that could not be billed: why, and what to do; it never stops the run."""

    privacy = Privacy(basic=("resolution",), none=("code", "detail", "status"))

    run = models.ForeignKey(BillRun, on_delete=models.CASCADE, related_name="+")
    supply_point = models.ForeignKey("customers.SupplyPoint", on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=30)
    detail = models.JSONField(default=dict)
    status = models.CharField(
        max_length=10, default="open", choices=[("open", "chờ xử lý"), ("resolved", "đã xử lý")]
    )
    resolution = models.TextField(blank=True)
    assigned_to = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "supply_point"], name="exception_once")]

    def __str__(self) -> str:
        return f"{self.code} {self.supply_point_id}"
