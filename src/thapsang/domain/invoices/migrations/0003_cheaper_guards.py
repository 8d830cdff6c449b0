"""The same guards at a lower price: what a row's foreign keys and a regular expression held, statements hold now.

A pack's key and a message's were looked up row by row, four thousand times a group; a statement asks for each pack
once, and locks it as a foreign key does. A look-up code is compared by its letters, and has one index.

Pages are left two thirds empty: an invoice grows by half when it is signed, and only if its new version finds room
on the same page do the indexes stay as they are.
"""

import django.db.models.deletion
from django.db import migrations, models

GUARDS = r"""
ALTER TABLE invoices_invoice
    DROP CONSTRAINT invoice_look_up_code,
    ADD CONSTRAINT invoice_look_up_code CHECK (length(look_up_code) = 12
        AND translate(look_up_code, '0123456789ABCDEFGHJKMNPQRSTVWXYZ', '') = '');

ALTER TABLE invoices_invoice SET (fillfactor = 35);

-- New invoices: numbered within what their series handed out, with the customer and the amounts of their bill.
CREATE OR REPLACE FUNCTION invoices_check_new() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
    low bigint;
    high bigint;
BEGIN
    SELECT f.id INTO wrong FROM fresh f LEFT JOIN invoices_series s ON s.id = f.series_id
        WHERE s.id IS NULL OR f.number >= s.next_number OR s.year <> extract(year FROM f.issued_on)
           OR f.status <> 'numbered' OR f.steps <> 1 OR f.pack_id IS NOT NULL OR f.message_id IS NOT NULL LIMIT 1;
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

-- What was numbered stays as it was; a status only goes forward, a step at a time; packs and messages exist. The
-- step's event is written in the same pass.
CREATE FUNCTION invoices_refuse_change(wrong bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Invoice %: an invoice that is numbered is never changed, and its status only goes forward.', wrong
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Adjust or replace it by another invoice.';
END $$;
CREATE OR REPLACE FUNCTION invoices_check_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := coalesce(nullif(current_setting('thapsang.at', true), '')::timestamptz, clock_timestamp());
    wrong bigint;
BEGIN
    INSERT INTO invoices_invoiceevent (invoice_id, step, kind, at, message_id, detail)
        SELECT n.id, n.steps, n.status, CASE n.status WHEN 'signed' THEN n.signed_at ELSE now END, n.message_id,
            CASE n.status WHEN 'accepted' THEN n.authority_code WHEN 'rejected' THEN n.rejection ELSE '' END
        FROM fresh n FULL JOIN stale o ON o.id = n.id
        WHERE CASE WHEN n.id IS NULL OR o.id IS NULL
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
                   ('unanswered', 'accepted'), ('unanswered', 'rejected')))
            THEN invoices_refuse_change(coalesce(n.id, o.id)) ELSE n.steps <> o.steps END;
    PERFORM FROM invoices_pack p WHERE p.id IN (SELECT pack_id FROM fresh) FOR KEY SHARE;
    SELECT n.id INTO wrong FROM fresh n WHERE n.pack_id IS NOT NULL
        AND n.pack_id NOT IN (SELECT p.id FROM invoices_pack p WHERE p.id IN (SELECT f.pack_id FROM fresh f)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Invoice %: its pack does not exist.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'Write the row of the pack first.';
    END IF;
    PERFORM FROM invoices_message m WHERE m.id IN (SELECT message_id FROM fresh) FOR KEY SHARE;
    SELECT n.id INTO wrong FROM fresh n WHERE n.message_id IS NOT NULL
        AND n.message_id NOT IN (SELECT m.id FROM invoices_message m WHERE m.id IN (SELECT f.message_id FROM fresh f)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Invoice %: its message does not exist.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'Write the row of the message first.';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER invoices_tell_step ON invoices_invoice;

-- A pack stays; a message that invoices name stays; both keep their numbers.
CREATE FUNCTION invoices_keep_named() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.id = OLD.id THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' OR EXISTS (SELECT FROM invoices_invoice WHERE message_id = OLD.id) THEN
        RAISE EXCEPTION '% %: invoices name it.', TG_TABLE_NAME, OLD.id
            USING ERRCODE = 'foreign_key_violation', HINT = 'Packs and messages of invoices stay.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER invoices_message_named AFTER DELETE OR UPDATE OF id ON invoices_message
    FOR EACH ROW EXECUTE FUNCTION invoices_keep_named();
CREATE TRIGGER invoices_pack_named AFTER UPDATE OF id ON invoices_pack
    FOR EACH ROW EXECUTE FUNCTION invoices_keep_named();
CREATE TRIGGER invoices_packs_kept BEFORE DELETE OR TRUNCATE ON invoices_pack
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_refuse();
CREATE TRIGGER invoices_messages_kept BEFORE TRUNCATE ON invoices_message
    FOR EACH STATEMENT EXECUTE FUNCTION invoices_refuse();
"""


def _keeps_its_column(model: str) -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT,
        related_name="+", to=f"invoices.{model}",
    )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("invoices", "0002_guards")]

    operations = [
        migrations.AlterField("invoice", "pack", _keeps_its_column("pack")),
        migrations.AlterField("invoice", "message", _keeps_its_column("message")),
        migrations.AlterField("invoice", "look_up_code", models.CharField(max_length=12)),
        migrations.AddConstraint(
            "invoice",
            models.UniqueConstraint(fields=("look_up_code",), name="invoice_look_up_code_once"),
        ),
        migrations.RunSQL(GUARDS),
    ]
