"""A month that is only opened, by final bills before its run, makes no other month's bills late."""

from django.db import migrations

# A bill is late when a later month's run has begun, or when its customer has a bill of a month whose run has not: a
# final one. Only such a customer's `paid_below` can lie above it. Who writes bills of a month not begun excludes all
# writers: what they write is waited for, and what they write after sees the final bill.
SQL = """
CREATE OR REPLACE FUNCTION payments_note_late_bills() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    month bigint;
    begun bigint;
    opened bigint;
BEGIN
    -- A partition's name says its month: bills of the newest run are not looked at one by one.
    IF TG_TABLE_NAME ~ '_[0-9]{4}$' THEN
        month := right(TG_TABLE_NAME, 4)::bigint * 10000000000;
    ELSE
        SELECT min(id) / 10000000000 * 10000000000 INTO month FROM fresh;
    END IF;
    SELECT coalesce(to_char(max(period) FILTER (WHERE status <> 'opened'), 'YYMM')::bigint * 10000000000, 0)
        INTO begun FROM billing_billrun;
    IF month > begun THEN
        PERFORM pg_advisory_xact_lock(7412);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(7412);
    END IF;
    SELECT coalesce(to_char(max(period) FILTER (WHERE status <> 'opened'), 'YYMM')::bigint * 10000000000, 0),
           to_char(max(period), 'YYMM')::bigint * 10000000000
        INTO begun, opened FROM billing_billrun;
    IF month >= opened THEN
        RETURN NULL;
    END IF;
    INSERT INTO payments_latebill (bill_id, customer_id, total, due_on)
        SELECT id, customer_id, total, due_on FROM fresh WHERE id < begun;
    IF opened > begun THEN
        INSERT INTO payments_latebill (bill_id, customer_id, total, due_on)
            SELECT id, customer_id, total, due_on FROM fresh f WHERE id >= begun AND EXISTS (
                SELECT FROM billing_bill b WHERE b.id >= begun + 10000000000 AND b.customer_id = f.customer_id
                AND b.id / 10000000000 > f.id / 10000000000);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION payments_await_bills_to_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7412);
    RETURN NEW;
END $$;
CREATE TRIGGER payments_bills_awaited_to_begin BEFORE UPDATE OF status ON billing_billrun FOR EACH ROW
    WHEN (OLD.status = 'opened' AND NEW.status <> 'opened') EXECUTE FUNCTION payments_await_bills_to_begin();
"""

BACK = """
DROP TRIGGER payments_bills_awaited_to_begin ON billing_billrun;
DROP FUNCTION payments_await_bills_to_begin();
CREATE OR REPLACE FUNCTION payments_note_late_bills() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7412);
    SELECT to_char(max(period), 'YYMM')::bigint * 10000000000 INTO newest FROM billing_billrun;
    IF TG_TABLE_NAME ~ '_[0-9]{4}$' AND right(TG_TABLE_NAME, 4)::bigint * 10000000000 >= newest THEN
        RETURN NULL;
    END IF;
    INSERT INTO payments_latebill (bill_id, customer_id, total, due_on)
        SELECT id, customer_id, total, due_on FROM fresh WHERE id < newest;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0005_refund_guards"), ("billing", "0004_corrections")]

    operations = [migrations.RunSQL(SQL, BACK)]
