"""The database's own guards: no payment pays more than it brought, no intent asks for more than is owed."""

from django.db import migrations

GUARDS = """
-- A whole statement's allocations at once: no payment gives away more than it brought.
CREATE FUNCTION payments_check_allocations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    SELECT p.receipt_code INTO wrong
        FROM (SELECT DISTINCT payment_id FROM fresh) f JOIN payments_payment p ON p.id = f.payment_id
        WHERE p.amount < (SELECT sum(amount) FROM payments_allocation WHERE payment_id = p.id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Payment % is allocated beyond its amount.', wrong
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'What is left of a payment is the customer''s credit.';
    END IF;
    RETURN NULL;
END $$;
-- Without it the planner, who may think the tables small still, reads them whole for each payment.
ALTER FUNCTION payments_check_allocations() SET enable_seqscan = off;
CREATE TRIGGER payments_allocation_within AFTER INSERT ON payments_allocation
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION payments_check_allocations();

-- At commit: what an intent says is owed is the sum of its bills. With intent_zero_fee: nobody is asked for more.
CREATE FUNCTION payments_check_intent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.owed IS DISTINCT FROM (SELECT sum(amount) FROM payments_intentbill WHERE intent_id = NEW.id) THEN
        RAISE EXCEPTION 'Intent % asks for % đồng, which is not the sum of its bills.', NEW.reference, NEW.owed
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'No payment adds a cost to the customer.';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payments_intent_sum AFTER INSERT OR UPDATE OF owed, amount ON payments_paymentintent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_check_intent();

CREATE FUNCTION payments_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'What was received is never changed: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Record a new payment or a correction in the ledger.';
END $$;
CREATE TRIGGER payments_payment_kept BEFORE UPDATE OR DELETE ON payments_payment
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse();
CREATE TRIGGER payments_allocation_kept BEFORE UPDATE OR DELETE ON payments_allocation
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse();
CREATE TRIGGER payments_callback_kept BEFORE UPDATE OR DELETE ON payments_callback
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse();
CREATE TRIGGER payments_confirmation_kept BEFORE UPDATE OR DELETE ON payments_confirmation
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse();
"""

UNGUARDED = """
DROP TRIGGER payments_confirmation_kept ON payments_confirmation;
DROP TRIGGER payments_callback_kept ON payments_callback;
DROP TRIGGER payments_allocation_kept ON payments_allocation;
DROP TRIGGER payments_payment_kept ON payments_payment;
DROP TRIGGER payments_intent_sum ON payments_paymentintent;
DROP TRIGGER payments_allocation_within ON payments_allocation;
DROP FUNCTION payments_refuse();
DROP FUNCTION payments_check_intent();
DROP FUNCTION payments_check_allocations();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_tables"), ("ledger", "0002_guards")]

    operations = [
        migrations.RunSQL(GUARDS, UNGUARDED),
        # Money arrives on the bank's account, which so has to exist before the first payment.
        migrations.RunSQL(
            "INSERT INTO ledger_account (chart, code) VALUES ('112', '112') ON CONFLICT (code) DO NOTHING",
            migrations.RunSQL.noop,
        ),
    ]
