"""Meters, installations, registers, readings, imports."""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class Meter(models.Model):
    """Công tơ."""

    privacy = Privacy(none=("serial", "kind"))

    serial = models.CharField(max_length=20, unique=True)
    kind = models.CharField(max_length=12, choices=[("single", "một giá"), ("three-rate", "ba giá")])
    remote = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.serial


class Installation(models.Model):
    """A meter on a supply point from a date until a date [start, end), with its CT/VT multiplier."""

    privacy = Privacy()

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="installations")
    supply_point = models.ForeignKey("customers.SupplyPoint", on_delete=models.PROTECT, related_name="+")
    start = models.DateField()
    end = models.DateField(null=True, blank=True)
    multiplier = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["supply_point"], condition=models.Q(end__isnull=True), name="installation_one_open"
            ),
            models.UniqueConstraint(
                fields=["meter"], condition=models.Q(end__isnull=True), name="installation_meter_once"
            ),
            models.CheckConstraint(
                condition=models.Q(end__isnull=True) | models.Q(end__gt=models.F("start")),
                name="installation_end_after_start",
            ),
            models.CheckConstraint(condition=models.Q(multiplier__gt=0), name="installation_multiplier"),
        ]

    def __str__(self) -> str:
        return f"{self.meter_id} on {self.supply_point_id}"


class Register(models.Model):
    """Bộ chỉ số of an installation: what one dial counts (kWh, or kvarh for `reactive`)."""

    privacy = Privacy(none=("kind",))

    installation = models.ForeignKey(Installation, on_delete=models.PROTECT, related_name="registers")
    kind = models.CharField(
        max_length=10,
        choices=[
            ("total", "tổng"),
            ("normal", "bình thường"),
            ("peak", "cao điểm"),
            ("offpeak", "thấp điểm"),
            ("reactive", "phản kháng"),
        ],
    )
    digits = models.PositiveSmallIntegerField(default=6)
    """Digits of the dial; it rolls over at 10**digits."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["installation", "kind"], name="register_one_a_kind"),
            models.CheckConstraint(
                condition=models.Q(digits__gte=3) & models.Q(digits__lte=9), name="register_digits"
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class Reading(models.Model):
    """Chỉ số: the dial's value at 00:00 of `read_on`, Asia/Ho_Chi_Minh.

    A reading taken on the evening of 31/10 therefore has read_on 01/11 and closes October [01/10, 01/11).
    Partitioned by month of `read_on`; the key is (register, read_on). The references to the register and the
    import are held by one trigger a statement instead of one a row (docs/adr/0007).
    """

    privacy = Privacy(none=("source", "quality"))

    pk = models.CompositePrimaryKey("register_id", "read_on")
    register = models.ForeignKey(
        Register, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    read_on = models.DateField()
    value = models.BigIntegerField()
    """Dial value in whole kWh (kvarh), before the multiplier."""
    quality = models.CharField(
        max_length=1,
        default="A",
        choices=[("A", "đọc"), ("E", "ước tính"), ("C", "khách báo"), ("V", "đã kiểm tra tại chỗ")],
    )
    source = models.CharField(max_length=8, default="import")
    """import, ami, opening, closing, estimate, price (an interim reading that splits the period)."""
    import_file = models.ForeignKey(
        "ReadingImport",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    def __str__(self) -> str:
        return f"{self.value} on {self.read_on}"


class SupersededReading(models.Model):
    """The value a reading had before it was corrected; written by the database itself."""

    privacy = Privacy(basic=("reason",), none=("source", "quality"))

    register = models.ForeignKey(Register, on_delete=models.PROTECT, related_name="+")
    read_on = models.DateField()
    value = models.BigIntegerField()
    quality = models.CharField(max_length=1)
    source = models.CharField(max_length=8)
    import_file = models.ForeignKey("ReadingImport", null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    superseded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.value} on {self.read_on}"


class ReadingImport(models.Model):
    """One file (or API call) of readings, kept with its outcome."""

    privacy = Privacy(
        none=("name", "sha256", "channel", "status", "problem", "problem_code", "problem_figures", "missing")
    )

    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64, unique=True)
    """Hash of the bytes; the file itself is kept under it by kit.files."""
    channel = models.CharField(max_length=8, choices=[("csv", "CSV"), ("parquet", "Parquet"), ("ami", "AMI")])
    status = models.CharField(
        max_length=10,
        default="queued",
        choices=[
            ("queued", "chờ"),
            ("running", "đang chạy"),
            ("finished", "xong"),
            ("refused", "bị từ chối"),
        ],
    )
    problem = models.TextField(blank=True)
    """Why it was refused, in words: only of files refused before the words were kept apart from the code."""
    problem_code = models.CharField(max_length=30, blank=True)
    problem_figures = models.JSONField(default=dict, blank=True)
    size = models.BigIntegerField(default=0)
    """Bytes of the file, and how many of them are read (progress)."""
    done = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    replaced = models.BigIntegerField(default=0)
    """Of the accepted: those that took the place of an estimate."""
    repeated = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    flagged = models.BigIntegerField(default=0)
    """Of the accepted: those somebody should look at."""
    missing = models.JSONField(default=list)
    """What the books in the file still lack: [{"book": code, "read_on": date, "missing": registers}]."""
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class RejectedReading(models.Model):
    """A row that did not go in (or went in and wants a look): as it was given, why, and what to do."""

    privacy = Privacy(none=("raw", "action", "code", "figures", "reason", "remedy"))

    import_file = models.ForeignKey(
        ReadingImport, on_delete=models.CASCADE, related_name="rejections", db_index=False
    )
    row = models.BigIntegerField()
    """Row of the file; 1 is the first row below the header."""
    raw = models.JSONField()
    action = models.CharField(
        max_length=6, default="reject", choices=[("reject", "trả lại"), ("flag", "lưu ý")]
    )
    code = models.CharField(max_length=30)
    figures = models.JSONField(default=dict, blank=True)
    """What it was compared with; `queries.refusals` puts the words to code and figures."""
    reason = models.TextField(blank=True)
    remedy = models.TextField(blank=True)
    """Reason and remedy in words: only of rows given back before the words were kept apart from the code."""
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["import_file", "row"], name="rejected_by_row")]

    def __str__(self) -> str:
        return f"row {self.row}: {self.code}"


class Storm(models.Model):
    """Mất điện diện rộng: a widespread outage by which readings are judged and estimates held back."""

    privacy = Privacy(
        basic=("recorded_name", "withdrawn_name"), none=("name", "document", "reason", "why_withdrawn")
    )

    name = models.CharField(max_length=120)
    document = models.CharField(max_length=200)
    """The order, report or log it is known from."""
    reason = models.CharField(max_length=500)
    recorded_by = models.BigIntegerField(null=True)
    recorded_name = models.CharField(max_length=150)
    recorded_at = models.DateTimeField()
    withdrawn_name = models.CharField(max_length=150, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    """Recorded by mistake: it counts for nothing any more."""
    why_withdrawn = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return self.name


class StormArea(models.Model):
    """One area of an outage [began_at, ended_at): a team's books, a commune's premises, or a reading book."""

    privacy = Privacy(basic=("ended_name",), none=("why_ended",))

    storm = models.ForeignKey(Storm, on_delete=models.PROTECT, related_name="areas")
    area_team = models.ForeignKey("network.AreaTeam", null=True, on_delete=models.PROTECT, related_name="+")
    commune = models.ForeignKey("network.Commune", null=True, on_delete=models.PROTECT, related_name="+")
    book = models.ForeignKey("network.ReadingBook", null=True, on_delete=models.PROTECT, related_name="+")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    """When supply came back; null while storm mode holds there."""
    ended_by = models.BigIntegerField(null=True, blank=True)
    ended_name = models.CharField(max_length=150, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    """When somebody recorded the end."""
    why_ended = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(area_team__isnull=False, commune__isnull=True, book__isnull=True)
                | models.Q(area_team__isnull=True, commune__isnull=False, book__isnull=True)
                | models.Q(area_team__isnull=True, commune__isnull=True, book__isnull=False),
                name="storm_area_names_one",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True) | models.Q(ended_at__gt=models.F("began_at")),
                name="storm_ends_after_it_began",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True, closed_at__isnull=True, ended_name="")
                | models.Q(ended_at__isnull=False, closed_at__isnull=False) & ~models.Q(ended_name=""),
                name="storm_end_has_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.storm_id}: {self.area_team_id or self.commune_id or self.book_id}"


class StormDecision(models.Model):
    """What an officer decided for a book or a point in a storm: read it anew, or estimate now. The last one holds."""

    privacy = Privacy(basic=("decided_name",), none=("decision", "reason"))

    storm = models.ForeignKey(Storm, on_delete=models.PROTECT, related_name="decisions")
    period = models.DateField()
    """First day of the month whose closing reading it is about."""
    book = models.ForeignKey("network.ReadingBook", null=True, on_delete=models.PROTECT, related_name="+")
    supply_point = models.ForeignKey(
        "customers.SupplyPoint", null=True, on_delete=models.PROTECT, related_name="+"
    )
    decision = models.CharField(max_length=8, choices=[("read", "đọc lại"), ("estimate", "ước tính")])
    decided_by = models.BigIntegerField(null=True)
    decided_name = models.CharField(max_length=150)
    decided_at = models.DateTimeField()
    reason = models.CharField(max_length=500)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(book__isnull=True, supply_point__isnull=False)
                | models.Q(book__isnull=False, supply_point__isnull=True),
                name="storm_decision_names_one",
            ),
            models.CheckConstraint(
                condition=models.Q(decision__in=["read", "estimate"]), name="storm_decision_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.storm_id} {self.period:%Y-%m} {self.decision}"
