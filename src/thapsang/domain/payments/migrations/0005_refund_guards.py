"""Refunds in the database: one way through their states, and not one đồng sent that is not taken from credit."""

from django.db import migrations

GUARDS = """
-- Who is paid and how much stays; a state only goes forward.
CREATE FUNCTION payments_refund_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'Refund % is never deleted.', OLD.reference
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Reject it, or let the customer withdraw it.';
    END IF;
    IF (NEW.reference, NEW.customer_id, NEW.amount, NEW.bank, NEW.account_tail, NEW.asked_name, NEW.asked_at, NEW.by_customer)
       IS DISTINCT FROM
       (OLD.reference, OLD.customer_id, OLD.amount, OLD.bank, OLD.account_tail, OLD.asked_name, OLD.asked_at, OLD.by_customer)
    THEN
        RAISE EXCEPTION 'Refund %: who is paid and how much stays as it was asked.', OLD.reference
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Reject it and ask anew.';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('asked', 'approved'), ('asked', 'rejected'), ('asked', 'withdrawn'), ('approved', 'rejected'),
        ('approved', 'withdrawn'), ('approved', 'sent'), ('sent', 'paid'), ('sent', 'returned'), ('paid', 'returned'))
    THEN
        RAISE EXCEPTION 'Refund % cannot go from % to %.', OLD.reference, OLD.status, NEW.status
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'What was sent is paid or returned by the bank.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_refund_forward BEFORE UPDATE OR DELETE ON payments_refundrequest
    FOR EACH ROW EXECUTE FUNCTION payments_refund_steps();

CREATE FUNCTION payments_refund_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'asked' THEN
        RAISE EXCEPTION 'Refund % begins as asked, not as %.', NEW.reference, NEW.status
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_refund_asked BEFORE INSERT ON payments_refundrequest
    FOR EACH ROW EXECUTE FUNCTION payments_refund_begins();

-- At commit: what was sent is taken from payments of that customer to the đồng, and stands in the ledger.
-- payments_allocation_within holds that no payment gives more than it brought: so never more than the credit.
CREATE FUNCTION payments_check_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IN ('sent', 'paid', 'returned') AND (
        (SELECT sum(a.amount) FROM payments_allocation a JOIN payments_payment p ON p.id = a.payment_id
         WHERE a.bill_id = -NEW.id AND p.customer_id = NEW.customer_id) IS DISTINCT FROM NEW.amount
        OR EXISTS (SELECT FROM payments_allocation a JOIN payments_payment p ON p.id = a.payment_id
                   WHERE a.bill_id = -NEW.id AND p.customer_id <> NEW.customer_id)
        OR NOT EXISTS (SELECT FROM ledger_journal j JOIN ledger_entry e ON e.journal_id = j.id
                       JOIN customers_customer c ON c.id = NEW.customer_id AND c.account_id = e.account_id
                       WHERE j.reference = 'refund:' || NEW.reference AND e.amount = NEW.amount))
    THEN
        RAISE EXCEPTION 'Refund % of % đồng is not covered by the customer''s credit.', NEW.reference, NEW.amount
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Send it through payments.operations.';
    END IF;
    IF NEW.status = 'returned' AND NOT EXISTS (
        SELECT FROM payments_payment WHERE provider = 'refund' AND provider_reference = NEW.reference
        AND customer_id = NEW.customer_id AND amount = NEW.amount)
    THEN
        RAISE EXCEPTION 'Refund % came back, and is not the customer''s credit again.', NEW.reference
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Record it through payments.operations.';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payments_refund_covered AFTER UPDATE ON payments_refundrequest
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_check_refund();

CREATE TRIGGER payments_refundfile_kept BEFORE UPDATE OR DELETE ON payments_refundfile
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse();
"""
UNGUARDED = """
DROP TRIGGER payments_refundfile_kept ON payments_refundfile;
DROP FUNCTION payments_check_refund() CASCADE;
DROP FUNCTION payments_refund_begins() CASCADE;
DROP FUNCTION payments_refund_steps() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0004_refunds"), ("ledger", "0002_guards")]
    operations = [
        migrations.RunSQL(GUARDS, UNGUARDED),
        # Money on its way to a customer: 112 stays what the bank's own statement says (docs/adr/0025).
        migrations.RunSQL(
            "INSERT INTO ledger_account (chart, code) VALUES ('113', '113') ON CONFLICT (code) DO NOTHING",
            migrations.RunSQL.noop,
        ),
    ]
