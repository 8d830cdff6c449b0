"""Bills by month, proved whole: partitions by bill number, statement triggers in place of row-by-row keys."""

from django.db import migrations

TABLES = """
ALTER TABLE billing_bill RENAME TO billing_bill_plain;
CREATE TABLE billing_bill (LIKE billing_bill_plain INCLUDING DEFAULTS) PARTITION BY RANGE (id);
DROP TABLE billing_bill_plain CASCADE;
ALTER TABLE billing_bill
    ADD PRIMARY KEY (id),
    ADD CONSTRAINT bill_number_names_point CHECK ((id / 10) % 1000000000 = supply_point_id),
    ADD CONSTRAINT bill_total CHECK (net + vat = total),
    ADD CONSTRAINT bill_regular_not_negative CHECK (id % 10 > 0 OR (net >= 0 AND vat >= 0 AND kwh >= 0)),
    ADD CONSTRAINT bill_days CHECK (start < "end" AND due_on >= issued_on);
CREATE INDEX bill_customer ON billing_bill (customer_id);

ALTER TABLE billing_billline RENAME TO billing_billline_plain;
CREATE TABLE billing_billline (LIKE billing_billline_plain INCLUDING DEFAULTS) PARTITION BY RANGE (bill_id);
DROP TABLE billing_billline_plain CASCADE;
ALTER TABLE billing_billline
    ADD PRIMARY KEY (bill_id, line_no),
    ADD CONSTRAINT line_number CHECK (line_no >= 1),
    ADD CONSTRAINT line_days CHECK (start < "end");

-- Bills of a running transaction that still wait for their lines; empty whenever none runs.
CREATE TABLE billing_pending (tx text PRIMARY KEY, bills bigint NOT NULL);
"""

GUARDS = """
CREATE FUNCTION billing_check_pending() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    missing bigint;
BEGIN
    DELETE FROM billing_pending WHERE tx = NEW.tx RETURNING bills INTO missing;
    IF missing <> 0 THEN
        RAISE EXCEPTION '% bills with an amount have no lines.', missing
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'Insert the lines of a bill in the transaction of the bill; they sum to its net amount.';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_lines_complete AFTER INSERT ON billing_pending
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_pending();

CREATE FUNCTION billing_count_pending(change bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO billing_pending AS p (tx, bills) SELECT pg_current_xact_id()::text, change WHERE change <> 0
        ON CONFLICT (tx) DO UPDATE SET bills = p.bills + excluded.bills
$$;

-- A whole statement's bills: the run is that of the period, the agreement is of this point and customer.
-- The agreement's own keys prove that point and customer exist.
CREATE FUNCTION billing_check_bills() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
    low bigint;
    high bigint;
    billed bigint;
BEGIN
    SELECT min(agreement_id), max(agreement_id), count(*) FILTER (WHERE net <> 0) INTO low, high, billed FROM fresh;
    SELECT f.run_id INTO wrong FROM (SELECT DISTINCT run_id, id / 10000000000 AS yymm FROM fresh) f
        LEFT JOIN billing_billrun r ON r.id = f.run_id
        WHERE to_char(r.period, 'YYMM')::int IS DISTINCT FROM f.yymm LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Bill run % does not exist or is of another period than the bill''s number says.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'Give bills of a month the run of that month.';
    END IF;
    LOCK TABLE customers_supplyagreement IN ROW SHARE MODE;  -- a deletion takes EXCLUSIVE and waits for us
    EXECUTE 'SELECT f.id FROM fresh f LEFT JOIN
            (SELECT id, customer_id, supply_point_id FROM customers_supplyagreement WHERE id BETWEEN $1 AND $2) a
            ON a.id = f.agreement_id
        WHERE a.customer_id IS DISTINCT FROM f.customer_id OR a.supply_point_id IS DISTINCT FROM f.supply_point_id
        LIMIT 1' INTO wrong USING low, high;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'Bill %: its supply agreement does not exist or is of another point or customer.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'Take agreement, point and customer from one agreement.';
    END IF;
    PERFORM billing_count_pending(billed);
    RETURN NULL;
END $$;

-- A whole statement's lines: each bill exists, has all its lines here (numbered from 1), and they sum to its net.
-- A second set of lines for a bill would need a second line 1, which the primary key refuses.
CREATE FUNCTION billing_check_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
    low bigint;
    high bigint;
    lined bigint;
BEGIN
    SELECT min(bill_id), max(bill_id) INTO low, high FROM fresh;
    EXECUTE format('SELECT min(l.bill_id) FILTER (WHERE b.net IS DISTINCT FROM l.net OR l.first <> 1 OR l.last <> l.n),
            count(*) FILTER (WHERE b.net <> 0)
        FROM (SELECT bill_id, sum(amount)::bigint AS net, count(*) AS n, min(line_no) AS first, max(line_no) AS last
              FROM fresh GROUP BY bill_id) l
        LEFT JOIN (SELECT id, net FROM %I WHERE id BETWEEN $1 AND $2) b ON b.id = l.bill_id',
        replace(TG_TABLE_NAME, 'billing_billline', 'billing_bill')) INTO wrong, lined USING low, high;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'Bill %: its lines do not sum to its net amount, are not numbered from 1, or it does not exist.', wrong
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'Insert a bill first, then all its lines in one statement.';
    END IF;
    PERFORM billing_count_pending(-lined);
    RETURN NULL;
END $$;
-- Bills and lines both come in order of their number: merge them, never scan the whole month.
ALTER FUNCTION billing_check_lines() SET enable_hashjoin = off;
ALTER FUNCTION billing_check_lines() SET enable_nestloop = off;
ALTER FUNCTION billing_check_lines() SET enable_hashagg = off;
ALTER FUNCTION billing_check_lines() SET enable_seqscan = off;
ALTER FUNCTION billing_check_bills() SET enable_hashjoin = off;
ALTER FUNCTION billing_check_bills() SET enable_nestloop = off;
ALTER FUNCTION billing_check_bills() SET enable_seqscan = off;

CREATE FUNCTION billing_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'An issued bill is never changed: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Correct it by a bill with the next sequence number.';
END $$;

-- Statement triggers stand on the parents and on each partition: COPY into a partition fires only its own.
CREATE FUNCTION billing_guard(bills regclass, lines regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER bills_belong AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION billing_check_bills()', bills);
    EXECUTE format('CREATE TRIGGER lines_sum AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION billing_check_lines()', lines);
    EXECUTE format('CREATE TRIGGER bills_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse()', bills);
    EXECUTE format('CREATE TRIGGER lines_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse()', lines);
END $$;
SELECT billing_guard('billing_bill', 'billing_billline');

-- Attached, not created in place: attaching does not lock out readers of the other months.
CREATE FUNCTION billing_add_partition(parent text, yymm int) RETURNS regclass LANGUAGE plpgsql AS $$
DECLARE
    leaf text := parent || '_' || lpad(yymm::text, 4, '0');
    low bigint := yymm::bigint * 10000000000;
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', leaf, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, leaf, low, low + 10000000000);
    RETURN leaf::regclass;
END $$;

CREATE FUNCTION billing_open_period(yymm int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    month date;
    bills regclass;
BEGIN
    IF yymm NOT BETWEEN 101 AND 9912 OR yymm % 100 NOT BETWEEN 1 AND 12 THEN
        RAISE EXCEPTION '% is no month written as yymm.', yymm;
    END IF;
    PERFORM pg_advisory_xact_lock(7411, yymm);
    IF to_regclass('billing_bill_' || lpad(yymm::text, 4, '0')) IS NOT NULL THEN
        RETURN false;
    END IF;
    month := to_date(lpad(yymm::text, 4, '0'), 'YYMM');
    bills := billing_add_partition('billing_bill', yymm);
    -- On the partition, where the month is a constant, and taking a month out of a date a million times is not needed.
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT bill_number_names_period CHECK (id %% 10 > 0 OR ("end" > %L AND "end" <= %L))',
        bills, month, month + interval '1 month');
    PERFORM billing_guard(bills, billing_add_partition('billing_billline', yymm));
    RETURN true;
END $$;

-- What billed agreements hang on stays: the other half of the keys that bills do not carry row by row.
CREATE FUNCTION billing_lock_agreements() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE customers_supplyagreement IN EXCLUSIVE MODE;
    IF TG_OP = 'TRUNCATE' AND EXISTS (SELECT FROM billing_bill) THEN
        RAISE EXCEPTION 'Supply agreements that are billed stay: TRUNCATE is refused.'
            USING ERRCODE = 'foreign_key_violation', HINT = 'End an agreement by its end date.';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION billing_keep_agreements() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT b.id INTO wrong FROM gone g CROSS JOIN billing_billrun r
        JOIN billing_bill b ON b.agreement_id = g.id AND b.id / 10 = to_char(r.period, 'YYMM')::bigint * 1000000000 + g.supply_point_id
            AND b.id BETWEEN to_char(r.period, 'YYMM')::bigint * 10000000000 + g.supply_point_id * 10
                         AND to_char(r.period, 'YYMM')::bigint * 10000000000 + g.supply_point_id * 10 + 9 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Bill % hangs on this supply agreement: DELETE is refused.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'End an agreement by its end date.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER billing_agreements_locked BEFORE DELETE OR TRUNCATE ON customers_supplyagreement
    FOR EACH STATEMENT EXECUTE FUNCTION billing_lock_agreements();
CREATE TRIGGER billing_agreements_kept AFTER DELETE ON customers_supplyagreement
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION billing_keep_agreements();
"""

UNGUARDED = """
DROP TRIGGER billing_agreements_kept ON customers_supplyagreement;
DROP TRIGGER billing_agreements_locked ON customers_supplyagreement;
DROP TABLE billing_pending;
DROP FUNCTION billing_keep_agreements(), billing_lock_agreements(), billing_open_period(int),
    billing_add_partition(text, int), billing_guard(regclass, regclass), billing_count_pending(bigint),
    billing_check_pending();
DROP TRIGGER bills_belong ON billing_bill;
DROP TRIGGER bills_kept ON billing_bill;
DROP TRIGGER lines_sum ON billing_billline;
DROP TRIGGER lines_kept ON billing_billline;
DROP FUNCTION billing_check_bills() CASCADE;
DROP FUNCTION billing_check_lines() CASCADE;
DROP FUNCTION billing_refuse() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_tables")]

    operations = [
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
        migrations.RunSQL(GUARDS, UNGUARDED),
    ]
