"""Adjusting, cancelling and replacing bills: which earlier bill each one follows, held by the database."""

import django.db.models.deletion
from django.db import migrations, models

GUARDS = """
ALTER TABLE billing_billlink
    ADD CONSTRAINT link_kind CHECK (kind IN ('adjusts', 'cancels', 'replaces')),
    ADD CONSTRAINT link_same_month_and_point CHECK (bill_id / 10 = of_bill_id / 10 AND bill_id <> of_bill_id),
    ADD CONSTRAINT link_follows_later CHECK (bill_id % 10 > 0);
CREATE UNIQUE INDEX link_cancels_once ON billing_billlink (of_bill_id) WHERE kind = 'cancels';

-- Both bills exist; a cancelling bill takes back all of the bill it cancels.
CREATE FUNCTION billing_check_links() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT f.bill_id INTO wrong FROM fresh f
        LEFT JOIN billing_bill b ON b.id = f.bill_id LEFT JOIN billing_bill o ON o.id = f.of_bill_id
        WHERE b.id IS NULL OR o.id IS NULL OR b.customer_id <> o.customer_id
           OR (f.kind = 'cancels' AND (b.net <> -o.net OR b.vat <> -o.vat OR b.kwh <> -o.kwh)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Bill %: the bill it follows does not exist, is another customer''s, or is not taken back in full.', wrong
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'Insert both bills first; a cancelling bill has the opposite kWh, net and VAT.';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION billing_check_links() SET enable_hashjoin = off;
ALTER FUNCTION billing_check_links() SET enable_seqscan = off;
CREATE TRIGGER billing_links_true AFTER INSERT ON billing_billlink
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION billing_check_links();
CREATE TRIGGER billing_links_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_billlink
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse();
"""

UNGUARDED = """
DROP TRIGGER billing_links_kept ON billing_billlink;
DROP TRIGGER billing_links_true ON billing_billlink;
DROP FUNCTION billing_check_links();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_partitions")]

    operations = [
        migrations.CreateModel(
            name="BillLink",
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
                (
                    "kind",
                    models.CharField(
                        choices=[("adjusts", "điều chỉnh"), ("cancels", "hủy"), ("replaces", "thay thế")],
                        max_length=8,
                    ),
                ),
                ("origin", models.CharField(db_index=True, max_length=40)),
                ("relief_version_id", models.BigIntegerField(null=True)),
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
        migrations.RunSQL(GUARDS, UNGUARDED),
    ]
