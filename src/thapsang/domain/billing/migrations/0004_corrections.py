"""Corrections of billed months, final bills, and the tariffs a later bill was rated with."""

import django.db.models.deletion
from django.db import migrations, models

GUARDS = """
-- A final bill is what it says: a later bill of its agreement that ends with it.
CREATE FUNCTION billing_check_finals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT f.bill_id INTO wrong FROM fresh f LEFT JOIN billing_bill b ON b.id = f.bill_id
        WHERE b.id IS NULL OR b.agreement_id <> f.agreement_id OR b."end" <> f.ended_on OR b.id % 10 = 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Bill %: it is no final bill of its agreement.', wrong
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'Insert the bill first: a later sequence, of this agreement, up to the day it ends.';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION billing_check_finals() SET enable_hashjoin = off;
CREATE TRIGGER billing_finals_true AFTER INSERT ON billing_finalbill
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION billing_check_finals();
CREATE TRIGGER billing_finals_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_finalbill
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();

-- What was asked and computed stays as it was; only who approved it, and what was issued, is written later, once.
CREATE FUNCTION billing_keep_correction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    later text[] := ARRAY['status', 'how', 'approved_by', 'approved_name', 'approved_at', 'issued_at'];
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status IN ('issued', 'withdrawn')
       OR (OLD.status, NEW.status) NOT IN (('draft', 'issuing'), ('draft', 'withdrawn'), ('issuing', 'issued'))
       OR (OLD.status = 'issuing' AND to_jsonb(OLD) - 'status' - 'issued_at' <> to_jsonb(NEW) - 'status' - 'issued_at')
       OR to_jsonb(OLD) - later <> to_jsonb(NEW) - later THEN
        RAISE EXCEPTION 'Correction %: % from % is refused.', OLD.id, TG_OP, OLD.status
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Withdraw a draft and make a new one.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_correction_kept BEFORE UPDATE OR DELETE ON billing_correction
    FOR EACH ROW EXECUTE FUNCTION billing_keep_correction();
CREATE FUNCTION billing_keep_correction_bill() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    later text[] := ARRAY['made_bill_id', 'issued_at', 'code'];
BEGIN
    IF TG_OP = 'DELETE' OR OLD.issued_at IS NOT NULL OR OLD.code <> '' AND NEW.code <> OLD.code
       OR to_jsonb(OLD) - later <> to_jsonb(NEW) - later THEN
        RAISE EXCEPTION 'Correction %, bill %: % is refused.', OLD.correction_id, OLD.of_bill_id, TG_OP
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Make a new correction.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_correction_bill_kept BEFORE UPDATE OR DELETE ON billing_correctionbill
    FOR EACH ROW EXECUTE FUNCTION billing_keep_correction_bill();
"""

UNGUARDED = """
DROP TRIGGER billing_correction_bill_kept ON billing_correctionbill;
DROP FUNCTION billing_keep_correction_bill();
DROP TRIGGER billing_correction_kept ON billing_correction;
DROP FUNCTION billing_keep_correction();
DROP TRIGGER billing_finals_kept ON billing_finalbill;
DROP TRIGGER billing_finals_true ON billing_finalbill;
DROP FUNCTION billing_check_finals();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0003_links"),
        ("customers", "0003_address_search"),
        ("network", "0001_tables"),
        ("tariffs", "0001_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="billlink",
            name="policy_version",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tariffs.policyversion",
            ),
        ),
        migrations.AlterField(
            model_name="billrun",
            name="status",
            field=models.CharField(
                choices=[("opened", "mở, chưa chạy"), ("running", "đang chạy"), ("finished", "xong")],
                default="running",
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Correction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "bản thảo"),
                            ("issuing", "đang phát hành"),
                            ("issued", "đã phát hành"),
                            ("withdrawn", "đã bỏ"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                (
                    "how",
                    models.CharField(
                        blank=True, choices=[("adjust", "điều chỉnh"), ("replace", "thay thế")], max_length=8
                    ),
                ),
                (
                    "tariff",
                    models.CharField(
                        choices=[("kept", "biểu giá của kỳ"), ("current", "biểu giá hiện hành")], max_length=8
                    ),
                ),
                ("reason", models.CharField(max_length=300)),
                ("document", models.CharField(max_length=200)),
                ("asked_by", models.BigIntegerField(blank=True, null=True)),
                ("asked_name", models.CharField(max_length=150)),
                ("asked_at", models.DateTimeField()),
                ("four_eyes", models.BooleanField()),
                ("approved_by", models.BigIntegerField(blank=True, null=True)),
                ("approved_name", models.CharField(blank=True, max_length=150)),
                ("approved_at", models.DateTimeField(blank=True, null=True)),
                ("issued_at", models.DateTimeField(blank=True, null=True)),
                ("customers", models.IntegerField()),
                ("bills", models.IntegerField()),
                ("same", models.IntegerField()),
                ("kwh", models.BigIntegerField()),
                ("net", models.BigIntegerField()),
                ("vat", models.BigIntegerField()),
                ("total", models.BigIntegerField()),
                ("moved", models.BigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("digests", models.JSONField(default=dict)),
                (
                    "policy_version",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tariffs.policyversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CorrectionBill",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=30)),
                ("detail", models.JSONField(default=dict)),
                ("only", models.CharField(blank=True, max_length=8)),
                ("old_kwh", models.BigIntegerField(default=0)),
                ("old_net", models.BigIntegerField(default=0)),
                ("old_vat", models.BigIntegerField(default=0)),
                ("old_total", models.BigIntegerField(default=0)),
                ("new_kwh", models.BigIntegerField(default=0)),
                ("new_net", models.BigIntegerField(default=0)),
                ("new_vat", models.BigIntegerField(default=0)),
                ("new_total", models.BigIntegerField(default=0)),
                ("relief_total", models.BigIntegerField(default=0)),
                ("paid", models.BigIntegerField(default=0)),
                ("lines", models.JSONField(default=list)),
                ("made_bill_id", models.BigIntegerField(blank=True, null=True)),
                ("issued_at", models.DateTimeField(blank=True, null=True)),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="network.readingbook",
                    ),
                ),
                (
                    "correction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="billing.correction",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "of_bill",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.bill",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FinalBill",
            fields=[
                (
                    "bill",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="billing.bill",
                    ),
                ),
                ("ended_on", models.DateField()),
                ("reason", models.CharField(max_length=300)),
                ("document", models.CharField(blank=True, max_length=200)),
                ("issued_at", models.DateTimeField()),
                (
                    "agreement",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.supplyagreement",
                    ),
                ),
                (
                    "policy_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tariffs.policyversion",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="correction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["draft", "withdrawn"]),
                    models.Q(
                        models.Q(("approved_name", ""), _negated=True),
                        models.Q(("how", ""), _negated=True),
                        ("approved_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="correction_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="correction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["draft", "withdrawn"]),
                    ("four_eyes", False),
                    models.Q(("approved_name", models.F("asked_name")), _negated=True),
                    _connector="OR",
                ),
                name="correction_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="correctionbill",
            constraint=models.UniqueConstraint(
                fields=("correction", "of_bill"), name="correction_month_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="correctionbill",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("issued_at__isnull", True), ("made_bill_id__isnull", True)),
                    models.Q(("code", ""), ("issued_at__isnull", False), ("made_bill_id__isnull", False)),
                    _connector="OR",
                ),
                name="correction_made_whole",
            ),
        ),
        migrations.RunSQL(GUARDS, UNGUARDED),
    ]
