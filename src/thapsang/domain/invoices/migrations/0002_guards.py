"""Gapless numbers, true amounts, one way forward: held by the database, a statement at a time."""

from django.db import migrations

GUARDS = """
ALTER TABLE invoices_invoice
    ADD CONSTRAINT invoice_names_bill CHECK (id / 10 = bill_id),
    ADD CONSTRAINT invoice_total CHECK (net + vat = total),
    ADD CONSTRAINT invoice_copy_replaces CHECK (id % 10 = 0 OR (relation = 1 AND relates_to_id IS NOT NULL)),
    ADD CONSTRAINT invoice_look_up_code CHECK (look_up_code ~ '^[0-9A-HJKMNP-TV-Z]{12}$'),
    ADD CONSTRAINT invoice_status CHECK (status IN
        ('numbered', 'signed', 'sent', 'accepted', 'rejected', 'unanswered')),
    ADD CONSTRAINT invoice_signed CHECK (status = 'numbered' OR
        (sha256 IS NOT NULL AND pack_id IS NOT NULL AND signed_at IS NOT NULL)),
    ADD CONSTRAINT invoice_sent CHECK (status IN ('numbered', 'signed') OR message_id IS NOT NULL);
ALTER TABLE invoices_invoice SET (fillfactor = 70);

-- A series' numbers that were handed out are all there when the transaction ends.
CREATE FUNCTION invoices_check_numbers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    SELECT count(*) INTO made FROM invoices_invoice
        WHERE series_id = NEW.id AND number >= OLD.next_number AND number < NEW.next_number;
    IF NEW.next_number < OLD.next_number OR made <> NEW.next_number - OLD.next_number THEN
        RAISE EXCEPTION 'Series %: numbers % to % were taken, % invoices made.',
            NEW.code, OLD.next_number, NEW.next_number - 1, made
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'Insert exactly the invoices whose numbers were taken, in the same transaction.';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoices_no_gap AFTER UPDATE OF next_number ON invoices_series
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION invoices_check_numbers();

CREATE FUNCTION invoices_keep_series() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.next_number = 1 THEN RETURN NEW; END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.form, NEW.code, NEW.year) = (OLD.id, OLD.form, OLD.code, OLD.year)
            AND NEW.next_number >= OLD.next_number
            AND (OLD.last_issued_on IS NULL OR NEW.last_issued_on >= OLD.last_issued_on)
            AND (NOT OLD.closed OR (NEW.closed AND NEW.next_number = OLD.next_number)) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'A series begins at 1, only goes on, and stays: this % is refused.', TG_OP
        USING ERRCODE = 'integrity_constraint_violation',
              HINT = 'Take numbers one after another, with days that do not go back; open another series.';
END $$;
CREATE TRIGGER invoices_series_kept BEFORE INSERT OR UPDATE OR DELETE ON invoices_series
    FOR EACH ROW EXECUTE FUNCTION invoices_keep_series();

-- New invoices: numbered within what their series handed out, with the customer and the amounts of their bill.
CREATE FUNCTION invoices_check_new() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
    low bigint;
    high bigint;
BEGIN
    SELECT f.id INTO wrong FROM fresh f LEFT JOIN invoices_series s ON s.id = f.series_id
        WHERE s.id IS NULL OR f.number >= s.next_number OR s.year <> extract(year FROM f.issued_on)
           OR f.status <> 'numbered' OR f.steps <> 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Invoice %: its series has not handed this number out, or is of another year.', wrong
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Take the numbers from the series first.';
    END IF;
    SELECT min(bill_id), max(bill_id) INTO low, high FROM fresh;
    EXECUTE 'SELECT f.id FROM fresh f
        LEFT JOIN (SELECT id, customer_id, net, vat, total FROM billing_bill WHERE id BETWEEN $1 AND $2) b
            ON b.id = f.bill_id
        WHERE b.customer_id IS DISTINCT FROM f.customer_id OR b.net <> f.net OR b.vat <> f.vat OR b.total <> f.total
        LIMIT 1' INTO wrong USING low, high;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'Invoice %: its bill does not exist, or has another customer or other amounts.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'Copy customer and amounts from the bill.';
    END IF;
    SELECT f.id INTO wrong FROM fresh f LEFT JOIN invoices_invoice o ON o.id = f.relates_to_id
        WHERE f.relates_to_id IS NOT NULL AND (o.id IS NULL OR o.customer_id <> f.customer_id
            OR (f.id % 10 > 0 AND (o.id <> f.id - 1 OR o.status <> 'rejected'))) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Invoice %: the invoice it relates to does not exist, is another customer''s, or was not rejected.', wrong
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'A further invoice of the same bill replaces the rejected one before it.';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION invoices_check_new() SET enable_hashjoin = off;
ALTER FUNCTION invoices_check_new() SET enable_seqscan = off;
CREATE TRIGGER invoices_true AFTER INSERT ON invoices_invoice REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_check_new();

-- What was numbered stays as it was; a status only goes forward, a step at a time.
CREATE FUNCTION invoices_check_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT n.id INTO wrong FROM fresh n FULL JOIN stale o ON o.id = n.id
        WHERE n.id IS NULL OR o.id IS NULL
           OR (n.series_id, n.number, n.bill_id, n.customer_id, n.issued_on, n.net, n.vat, n.total, n.look_up_code,
               n.relation, n.relates_to_id, n.reason)
              IS DISTINCT FROM (o.series_id, o.number, o.bill_id, o.customer_id, o.issued_on, o.net, o.vat, o.total,
               o.look_up_code, o.relation, o.relates_to_id, o.reason)
           OR (o.sha256 IS NOT NULL AND (n.sha256, n.pack_id, n.position, n.size, n.signed_at)
              IS DISTINCT FROM (o.sha256, o.pack_id, o.position, o.size, o.signed_at))
           OR (o.authority_code <> '' AND n.authority_code <> o.authority_code)
           OR n.steps <> o.steps + (n.status <> o.status)::int
           OR (n.status <> o.status AND (o.status, n.status) NOT IN (('numbered', 'signed'), ('signed', 'sent'),
               ('sent', 'accepted'), ('sent', 'rejected'), ('sent', 'unanswered'),
               ('unanswered', 'accepted'), ('unanswered', 'rejected'))) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Invoice %: an invoice that is numbered is never changed, and its status only goes forward.', wrong
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Adjust or replace it by another invoice.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoices_forward AFTER UPDATE ON invoices_invoice REFERENCING NEW TABLE AS fresh OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_check_change();

CREATE FUNCTION invoices_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Invoices and their events stay: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Adjust or replace an invoice by another one.';
END $$;
CREATE TRIGGER invoices_kept BEFORE DELETE OR TRUNCATE ON invoices_invoice
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_refuse();
CREATE TRIGGER events_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON invoices_invoiceevent
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_refuse();

-- Every step writes its event itself: nobody can forget one, and it costs one statement. `thapsang.at` is the
-- moment the caller was given.
CREATE FUNCTION invoices_write_events() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := coalesce(nullif(current_setting('thapsang.at', true), '')::timestamptz, clock_timestamp());
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO invoices_invoiceevent (invoice_id, step, kind, at, message_id, detail)
            SELECT id, 1, status, now, NULL, '' FROM fresh;
    ELSE
        INSERT INTO invoices_invoiceevent (invoice_id, step, kind, at, message_id, detail)
            SELECT n.id, n.steps, n.status, CASE n.status WHEN 'signed' THEN n.signed_at ELSE now END,
                n.message_id, CASE n.status WHEN 'accepted' THEN n.authority_code WHEN 'rejected' THEN n.rejection ELSE '' END
            FROM fresh n JOIN stale o USING (id) WHERE n.steps <> o.steps;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoices_tell_new AFTER INSERT ON invoices_invoice REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_write_events();
CREATE TRIGGER invoices_tell_step AFTER UPDATE ON invoices_invoice REFERENCING NEW TABLE AS fresh OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_write_events();
"""

UNGUARDED = """
DROP TRIGGER invoices_no_gap ON invoices_series;
DROP TRIGGER invoices_series_kept ON invoices_series;
DROP TRIGGER invoices_true ON invoices_invoice;
DROP TRIGGER invoices_forward ON invoices_invoice;
DROP TRIGGER invoices_kept ON invoices_invoice;
DROP TRIGGER events_kept ON invoices_invoiceevent;
DROP TRIGGER invoices_tell_new ON invoices_invoice;
DROP TRIGGER invoices_tell_step ON invoices_invoice;
DROP FUNCTION invoices_check_numbers(), invoices_keep_series(), invoices_check_new(), invoices_check_change(),
    invoices_refuse(), invoices_write_events();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_tables")]

    operations = [migrations.RunSQL(GUARDS, UNGUARDED)]
