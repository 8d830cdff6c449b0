"""Customers, premises, supply points, agreements, contact points, consents, notes."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Func

from thapsang.kit.privacy.marking import Privacy, PurposeBy


class Fold(Func):
    """Lower case without Vietnamese diacritics or punctuation (SQL function of migration 0001)."""

    function = "thapsang_fold"
    output_field = models.TextField()


class FromWord(Func):
    """The folded text from its nth word on, empty when it has fewer (SQL function of migration 0004)."""

    function = "thapsang_from_word"
    output_field = models.TextField()

    def __init__(self, column: str, number: int) -> None:
        super().__init__(F(column), models.Value(number))


class PlaceWords(Func):
    """The folded words of an address, “xóm 5” also as one word (SQL function of migration 0004)."""

    function = "thapsang_place_words"
    output_field = SearchVectorField()


def folded_words(column: str) -> models.GeneratedField:
    """Return a column the database keeps itself: the folded words of `column`, for full-text search."""
    return models.GeneratedField(
        expression=SearchVector(Fold(F(column)), config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )


class Customer(models.Model):
    """Khách hàng: a person or an organisation under one 13-character customer code."""

    privacy = Privacy(
        basic=("name", "search"),
        sensitive=("id_number_cipher", "id_number_index"),
        none=("code", "kind", "tax_code"),
        encrypted={"id_number_cipher": "id-number"},
    )

    code = models.CharField(max_length=13, unique=True)
    kind = models.CharField(max_length=12, choices=[("person", "cá nhân"), ("organisation", "tổ chức")])
    name = models.CharField(max_length=200)
    id_number_cipher = models.BinaryField(null=True, editable=False)
    """CCCD, encrypted."""
    id_number_index = models.BinaryField(null=True, editable=False, db_index=True)
    """Keyed hash of the CCCD, for exact look-up."""
    tax_code = models.CharField(max_length=14, blank=True)
    account = models.OneToOneField("ledger.Account", on_delete=models.PROTECT, related_name="+")
    """The receivable account: what the customer owes is its balance; a negative balance is credit."""
    created_at = models.DateTimeField()
    search = folded_words("name")

    class Meta:
        indexes = [
            GinIndex(fields=["search"], name="customer_search"),
            # The number behind the words keeps equal names in one order, and the walk along them short.
            models.Index(OpClass(Fold("name"), name="text_pattern_ops"), "id", name="customer_folded_name"),
            *(
                models.Index(
                    OpClass(FromWord("name", number), name="text_pattern_ops"),
                    "id",
                    name=f"customer_from_word_{number}",
                )
                for number in (2, 3, 4)
            ),
            models.Index(fields=["tax_code"], name="customer_tax_code", condition=~models.Q(tax_code="")),
        ]

    def __str__(self) -> str:
        return self.code


class Premises(models.Model):
    """Địa điểm dùng điện: an address in a commune."""

    privacy = Privacy(basic=("address", "search"))

    address = models.CharField(max_length=250)
    commune = models.ForeignKey("network.Commune", on_delete=models.PROTECT, related_name="+")
    search = models.GeneratedField(
        expression=PlaceWords("address"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        verbose_name_plural = "premises"
        indexes = [GinIndex(fields=["search"], name="premises_search")]

    def __str__(self) -> str:
        return self.address


class SupplyPoint(models.Model):
    """Điểm đo: where energy is handed over and metered. Code = customer code + 3 digits at first supply."""

    privacy = Privacy(none=("code", "status"))

    code = models.CharField(max_length=16)
    premises = models.ForeignKey(Premises, on_delete=models.PROTECT, related_name="supply_points")
    book = models.ForeignKey("network.ReadingBook", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=10, default="active", choices=[("active", "đang cấp điện"), ("closed", "đã ngừng")]
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code"], name="supply_point_code")]

    def __str__(self) -> str:
        return self.code


class SupplyAgreement(models.Model):
    """Hợp đồng mua bán điện: which customer is supplied at which point, from when until when [start, end)."""

    privacy = Privacy(none=("number",))

    number = models.CharField(max_length=30)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="agreements")
    supply_point = models.ForeignKey(SupplyPoint, on_delete=models.PROTECT, related_name="agreements")
    start = models.DateField()
    end = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__isnull=True) | models.Q(end__gt=models.F("start")),
                name="agreement_end_after_start",
            ),
            models.UniqueConstraint(fields=["number"], name="agreement_number"),
            # Other overlaps are refused by a statement trigger (migration 0002): an exclusion constraint
            # over ranges cost more than all other constraints of this table together.
            models.UniqueConstraint(
                fields=["supply_point"], condition=models.Q(end__isnull=True), name="agreement_one_open"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class AgreementTerm(models.Model):
    """Terms of an agreement from a date until the next term's date: overlap is impossible by construction."""

    privacy = Privacy(none=("category", "voltage", "reason"))

    agreement = models.ForeignKey(SupplyAgreement, on_delete=models.PROTECT, related_name="terms")
    start = models.DateField()
    category = models.CharField(max_length=24)
    """Tariff category: residential, residential-prepaid, tenant, production, business, hospital-school …"""
    household_quarters = models.PositiveIntegerField(default=4)
    """Households sharing the meter × 4 (tenants count in quarters: 4 people = 1 household)."""
    voltage = models.CharField(max_length=12, default="lt6")
    """Voltage band of the price: ge110, 22to110, 6to22, lt6."""
    time_of_use = models.BooleanField(default=False)
    reactive_charged = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agreement", "start"], name="term_one_a_day")]

    def __str__(self) -> str:
        return f"{self.category} from {self.start}"


class SupersededTerm(models.Model):
    """Terms as they were before they were corrected for past days; the database itself puts them here."""

    privacy = Privacy(none=("category", "voltage", "reason", "correction"))

    term_id = models.BigIntegerField(db_index=True)
    agreement = models.ForeignKey(SupplyAgreement, on_delete=models.PROTECT, related_name="+")
    start = models.DateField()
    category = models.CharField(max_length=24)
    household_quarters = models.PositiveIntegerField()
    voltage = models.CharField(max_length=12)
    time_of_use = models.BooleanField()
    reactive_charged = models.BooleanField()
    reason = models.CharField(max_length=200, blank=True)
    correction = models.CharField(max_length=500, blank=True)
    """Why they were corrected, and by which paper; empty when something else than `correct_terms` changed them."""
    superseded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.category} from {self.start}, until corrected"


class ContactPoint(models.Model):
    """A phone, e-mail or Zalo address of a customer; encrypted, with a blind index."""

    privacy = Privacy(
        sensitive=("value_cipher", "value_index"),
        none=("kind", "language"),
        encrypted={"value_cipher": PurposeBy("kind")},
    )

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="contact_points")
    kind = models.CharField(
        max_length=8, choices=[("phone", "điện thoại"), ("email", "e-mail"), ("zalo", "Zalo")]
    )
    value_cipher = models.BinaryField(editable=False)
    value_index = models.BinaryField(editable=False, db_index=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    is_primary = models.BooleanField(default=True)
    language = models.CharField(max_length=2, blank=True, default="", db_default="")
    """Language of what is written to it, `vi` or `en`; empty while the customer has not said."""

    def __str__(self) -> str:
        return f"{self.kind} of {self.customer_id}"


class Consent(models.Model):
    """What a customer allowed, when, and the proof; never pre-ticked (Law 91/2025/QH15)."""

    privacy = Privacy(basic=("evidence",), none=("purpose", "text_version"))

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=60)
    text_version = models.CharField(max_length=40)
    evidence = models.JSONField(default=dict)
    granted_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.purpose


class Note(models.Model):
    """What staff wrote down about a customer."""

    privacy = Privacy(basic=("text", "author_name"))

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField()
    author_id = models.BigIntegerField()
    author_name = models.CharField(max_length=150)
    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"note {self.pk}"
