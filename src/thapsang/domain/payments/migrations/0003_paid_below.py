"""From which bill on to look for what is open; late bills are written down; indexes nobody needs go."""

import django.db.models.deletion
from django.db import migrations, models

GUARDS = """
-- A bill is late when a later month's run has begun. Its writer and the beginning of a run exclude each other:
-- a run of a month begins when all bills of others are committed, so no bill of an earlier month comes unseen after it.
CREATE FUNCTION payments_note_late_bills() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7412);
    SELECT to_char(max(period), 'YYMM')::bigint * 10000000000 INTO newest FROM billing_billrun;
    -- A partition's name says its month: bills of the newest run are not looked at one by one.
    IF TG_TABLE_NAME ~ '_[0-9]{4}$' AND right(TG_TABLE_NAME, 4)::bigint * 10000000000 >= newest THEN
        RETURN NULL;
    END IF;
    INSERT INTO payments_latebill (bill_id, customer_id, total, due_on)
        SELECT id, customer_id, total, due_on FROM fresh WHERE id < newest;
    RETURN NULL;
END $$;

CREATE FUNCTION payments_await_bills() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7412);
    RETURN NULL;
END $$;
CREATE TRIGGER payments_bills_awaited BEFORE INSERT OR UPDATE OF period ON billing_billrun
    FOR EACH STATEMENT EXECUTE FUNCTION payments_await_bills();

CREATE FUNCTION payments_watch_bills(bills regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER late_bills_noted AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION payments_note_late_bills()', bills);
END $$;
SELECT payments_watch_bills('billing_bill');
SELECT payments_watch_bills(inhrelid) FROM pg_inherits WHERE inhparent = 'billing_bill'::regclass;

-- Months that are opened from now on are watched as well.
ALTER FUNCTION billing_open_period(int) RENAME TO billing_open_period_unwatched;
CREATE FUNCTION billing_open_period(yymm int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT billing_open_period_unwatched(yymm) THEN
        RETURN false;
    END IF;
    PERFORM payments_watch_bills(('billing_bill_' || lpad(yymm::text, 4, '0'))::regclass);
    RETURN true;
END $$;

CREATE TRIGGER payments_latebill_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON payments_latebill
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse();
"""

UNGUARDED = """
DROP FUNCTION billing_open_period(int);
ALTER FUNCTION billing_open_period_unwatched(int) RENAME TO billing_open_period;
DROP FUNCTION payments_watch_bills(regclass);
DROP FUNCTION payments_note_late_bills() CASCADE;
DROP FUNCTION payments_await_bills() CASCADE;
DROP TRIGGER payments_latebill_kept ON payments_latebill;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0001_tables"),
        ("ledger", "0002_guards"),
        ("billing", "0002_partitions"),
        ("payments", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="LateBill",
            fields=[
                ("bill_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("customer_id", models.BigIntegerField(db_index=True)),
                ("total", models.BigIntegerField()),
                ("due_on", models.DateField()),
            ],
        ),
        migrations.AddField(
            model_name="payment",
            name="paid_below",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="allocation",
            name="payment",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="allocations",
                to="payments.payment",
            ),
        ),
        migrations.AlterField(
            model_name="payment",
            name="customer",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="customers.customer",
            ),
        ),
        migrations.AlterField(
            model_name="payment",
            name="intent",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payments.paymentintent",
            ),
        ),
        migrations.AlterField(
            model_name="payment",
            name="receipt_code",
            field=models.CharField(max_length=24),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(fields=["customer", "paid_below"], name="payment_paid_below"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("intent__isnull", False)), fields=["intent"], name="payment_intent"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(fields=("receipt_code",), name="payment_receipt_once"),
        ),
        migrations.RunSQL(GUARDS, UNGUARDED),
    ]
