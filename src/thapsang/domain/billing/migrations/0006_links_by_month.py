"""Links are proved against their month's partition: a book's at once by its range of numbers, a few one by one.

Nobody looks links up by their origin: its two indexes cost every adjusting bill, and go.
"""

from django.db import migrations, models

SQL = """
CREATE OR REPLACE FUNCTION billing_check_links() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_nestloop = on SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    month bigint;
    low bigint;
    high bigint;
    many bigint;
    bills text;
    wrong bigint;
BEGIN
    FOR month, low, high, many IN
        SELECT bill_id / 10000000000, min(least(bill_id, of_bill_id)), max(greatest(bill_id, of_bill_id)), count(*)
        FROM fresh GROUP BY 1
    LOOP
        bills := 'billing_bill_' || lpad(month::text, 4, '0');
        IF to_regclass(bills) IS NULL THEN
            wrong := low;
        ELSE
            -- Numbers that lie close are read as a range, once; others are looked up, each by its number.
            IF high - low < 200 * many THEN
                bills := format('(SELECT * FROM %I WHERE id BETWEEN %s AND %s)', bills, low, high);
                PERFORM set_config('enable_nestloop', 'off', true);  -- both come in order: merge them
            END IF;
            EXECUTE format('SELECT f.bill_id FROM fresh f
                LEFT JOIN %1$s b ON b.id = f.bill_id LEFT JOIN %1$s o ON o.id = f.of_bill_id
                WHERE f.bill_id BETWEEN $1 AND $2
                AND (b.id IS NULL OR o.id IS NULL OR b.customer_id <> o.customer_id
                OR (f.kind = ''cancels'' AND (b.net <> -o.net OR b.vat <> -o.vat OR b.kwh <> -o.kwh))) LIMIT 1', bills)
                INTO wrong USING month * 10000000000, month * 10000000000 + 9999999999;
            PERFORM set_config('enable_nestloop', 'on', true);
        END IF;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION 'Bill %: the bill it follows does not exist, is another customer''s, or is not taken back in full.', wrong
                USING ERRCODE = 'integrity_constraint_violation',
                      HINT = 'Insert both bills first; a cancelling bill has the opposite kWh, net and VAT.';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
"""

BACK = """
CREATE OR REPLACE FUNCTION billing_check_links() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_seqscan = off AS $$
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
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_reliefs")]

    operations = [
        migrations.AlterField(model_name="billlink", name="origin", field=models.CharField(max_length=40)),
        migrations.RunSQL(SQL, BACK),
    ]
