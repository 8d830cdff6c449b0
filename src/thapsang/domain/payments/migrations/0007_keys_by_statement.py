"""Customer, journal and payment are proved for a whole statement's rows at once, not by a key's check of each row."""

import django.db.models.deletion
from django.db import migrations, models

SQL = """
-- A whole statement's payments: their customers and journals exist. Journals are never deleted.
CREATE FUNCTION payments_check_payments() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    low bigint;
    high bigint;
    many bigint;
    wrong text;
BEGIN
    LOCK TABLE customers_customer IN ROW SHARE MODE;  -- a deletion takes EXCLUSIVE and waits for us
    SELECT min(customer_id), max(customer_id), count(*) INTO low, high, many FROM fresh;
    -- Many that lie close are read as a range, once; others are looked up, each by its number.
    IF many > 100 AND high - low < 10 * many THEN
        PERFORM set_config('enable_mergejoin', 'on', true), set_config('enable_nestloop', 'off', true);
        EXECUTE 'SELECT f.receipt_code FROM fresh f
            LEFT JOIN (SELECT id FROM customers_customer WHERE id BETWEEN $1 AND $2) c ON c.id = f.customer_id
            WHERE c.id IS NULL LIMIT 1' INTO wrong USING low, high;
        PERFORM set_config('enable_mergejoin', 'off', true), set_config('enable_nestloop', 'on', true);
    ELSE
        SELECT f.receipt_code INTO wrong FROM fresh f
            WHERE NOT EXISTS (SELECT FROM customers_customer c WHERE c.id = f.customer_id) LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'Payment %: its customer does not exist.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'Take the customer of the bill that is paid.';
    END IF;
    SELECT f.receipt INTO wrong FROM (SELECT journal_id, min(receipt_code) AS receipt FROM fresh GROUP BY 1) f
        LEFT JOIN ledger_journal j ON j.id = f.journal_id WHERE j.id IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Payment %: its journal does not exist.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'Post the money first, in the same transaction.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_belong AFTER INSERT ON payments_payment
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION payments_check_payments();

-- The other half of the key: a customer who paid stays.
CREATE FUNCTION payments_lock_customers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE customers_customer IN EXCLUSIVE MODE;
    IF TG_OP = 'TRUNCATE' AND EXISTS (SELECT FROM payments_payment) THEN
        RAISE EXCEPTION 'Customers who paid stay: TRUNCATE is refused.'
            USING ERRCODE = 'foreign_key_violation', HINT = 'End a customer by the end of the agreement.';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION payments_keep_customers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    SELECT p.receipt_code INTO wrong FROM gone g JOIN payments_payment p ON p.customer_id = g.id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Payment % hangs on this customer: DELETE is refused.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'End a customer by the end of the agreement.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_customers_locked BEFORE DELETE OR TRUNCATE ON customers_customer
    FOR EACH STATEMENT EXECUTE FUNCTION payments_lock_customers();
CREATE TRIGGER payments_customers_kept AFTER DELETE ON customers_customer
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION payments_keep_customers();
CREATE TRIGGER payments_payment_stays BEFORE TRUNCATE ON payments_payment
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse();

-- A whole statement's allocations: their payments exist, and none gives away more than it brought.
CREATE OR REPLACE FUNCTION payments_check_allocations() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_nestloop = on SET enable_hashjoin = off SET enable_bitmapscan = off AS $$
DECLARE
    low bigint;
    high bigint;
    many bigint;
    missing bigint;
    wrong text;
BEGIN
    SELECT min(payment_id), max(payment_id), count(*) INTO low, high, many FROM fresh;
    IF many > 100 AND high - low < 10 * many THEN
        PERFORM set_config('enable_nestloop', 'off', true);
        EXECUTE 'SELECT f.payment_id, p.receipt_code FROM (SELECT DISTINCT payment_id FROM fresh) f
            LEFT JOIN (SELECT id, amount, receipt_code FROM payments_payment WHERE id BETWEEN $1 AND $2) p
                ON p.id = f.payment_id
            LEFT JOIN (SELECT payment_id, sum(amount) AS given FROM payments_allocation
                       WHERE payment_id BETWEEN $1 AND $2 GROUP BY 1) a ON a.payment_id = f.payment_id
            WHERE p.id IS NULL OR p.amount < a.given LIMIT 1' INTO missing, wrong USING low, high;
        PERFORM set_config('enable_nestloop', 'on', true);
    ELSE
        SELECT f.payment_id, p.receipt_code INTO missing, wrong
            FROM (SELECT DISTINCT payment_id FROM fresh) f LEFT JOIN payments_payment p ON p.id = f.payment_id
            WHERE p.id IS NULL OR p.amount < (SELECT sum(amount) FROM payments_allocation WHERE payment_id = p.id)
            LIMIT 1;
    END IF;
    IF missing IS NOT NULL AND wrong IS NULL THEN
        RAISE EXCEPTION 'Payment number % does not exist: nothing of it can be allocated.', missing
            USING ERRCODE = 'foreign_key_violation', HINT = 'Insert the payment first, in the same transaction.';
    ELSIF missing IS NOT NULL THEN
        RAISE EXCEPTION 'Payment % is allocated beyond its amount.', wrong
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'What is left of a payment is the customer''s credit.';
    END IF;
    RETURN NULL;
END $$;
"""

BACK = """
DROP TRIGGER payments_payment_stays ON payments_payment;
DROP TRIGGER payments_customers_kept ON customers_customer;
DROP TRIGGER payments_customers_locked ON customers_customer;
DROP TRIGGER payments_belong ON payments_payment;
DROP FUNCTION payments_keep_customers(), payments_lock_customers(), payments_check_payments();
"""


def _key(to: str, related: str = "+") -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related,
        to=to,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0001_tables"),
        ("ledger", "0002_guards"),
        ("payments", "0006_opened_months"),
    ]

    operations = [
        migrations.AlterField(model_name="payment", name="customer", field=_key("customers.customer")),
        migrations.AlterField(model_name="payment", name="journal", field=_key("ledger.journal")),
        migrations.AlterField(
            model_name="allocation", name="payment", field=_key("payments.payment", "allocations")
        ),
        migrations.RunSQL(SQL, BACK),
    ]
