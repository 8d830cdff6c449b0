"""The log only grows: the database itself refuses to change or remove an entry."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log only grows: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING HINT = 'Record a new entry that corrects the old one.', ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_head_kept BEFORE DELETE OR TRUNCATE ON audit_audithead
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

CREATE FUNCTION audit_head_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.entries <> OLD.entries + 1 THEN
        RAISE EXCEPTION 'The audit log''s head moves one entry forward at a time: % to % is refused.',
            OLD.entries, NEW.entries USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_head_forward BEFORE UPDATE ON audit_audithead
    FOR EACH ROW EXECUTE FUNCTION audit_head_forward();
"""

ALLOW = """
DROP TRIGGER audit_head_forward ON audit_audithead;
DROP TRIGGER audit_head_kept ON audit_audithead;
DROP TRIGGER audit_entry_kept ON audit_auditentry;
DROP FUNCTION audit_head_forward();
DROP FUNCTION audit_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_tables")]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
