"""What is granted stays granted, what was reviewed stays as reviewed: the database's own guards."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION reliefs_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'What relief was made from and what it gave only grows: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Reverse the batch, or put a new edition in force.';
END $$;
CREATE TRIGGER reliefs_grants_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON reliefs_grant
    FOR EACH STATEMENT EXECUTE FUNCTION reliefs_refuse();
CREATE TRIGGER reliefs_versions_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON reliefs_bookversion
    FOR EACH STATEMENT EXECUTE FUNCTION reliefs_refuse();
CREATE TRIGGER reliefs_evidence_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON reliefs_evidence
    FOR EACH STATEMENT EXECUTE FUNCTION reliefs_refuse();
CREATE TRIGGER reliefs_batches_kept BEFORE DELETE OR TRUNCATE ON reliefs_batch
    FOR EACH STATEMENT EXECUTE FUNCTION reliefs_refuse();

-- A whole statement's grants: their batch is at work in that very phase.
CREATE FUNCTION reliefs_check_grants() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT f.batch_id INTO wrong FROM (SELECT DISTINCT batch_id, phase FROM fresh) f
        LEFT JOIN reliefs_batch b ON b.id = f.batch_id
        WHERE CASE f.phase WHEN 1 THEN 'applying' WHEN 2 THEN 'reversing' END IS DISTINCT FROM b.status LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Relief batch % is not at work: nothing may be granted or taken back under it.', wrong
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Ask for the batch and have it approved first.';
    END IF;
    SELECT bill_id INTO wrong FROM fresh
        WHERE (bill_id / 10) % 1000000000 <> supply_point_id OR (cash <> 0) = (adjusting_bill_id IS NOT NULL)
           OR bill_id / 10000000000 <> to_char(month, 'YYMM')::int LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The grant for bill % is of another point or month, or neither on a bill nor cash.', wrong
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'A grant stands on an adjusting bill or is cash.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reliefs_grants_belong AFTER INSERT ON reliefs_grant
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION reliefs_check_grants();

-- A programme's text is what was reviewed; states follow each other and never go back.
CREATE FUNCTION reliefs_check_programme() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.code, NEW.file, NEW.text, NEW.sha256, NEW.drafted_by, NEW.drafted_at)
       IS DISTINCT FROM (OLD.code, OLD.file, OLD.text, OLD.sha256, OLD.drafted_by, OLD.drafted_at) THEN
        RAISE EXCEPTION 'The text of programme % stays as drafted.', OLD.code
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Draft a new text; close the old one.';
    END IF;
    IF NEW.status <> OLD.status AND NEW.status <> 'closed'
       AND (OLD.status, NEW.status) NOT IN (('draft', 'reviewed'), ('reviewed', 'in-force')) THEN
        RAISE EXCEPTION 'Programme % cannot go from % to %.', OLD.code, OLD.status, NEW.status
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'draft, reviewed, in-force, closed: in this order.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reliefs_programme_kept BEFORE UPDATE ON reliefs_programme
    FOR EACH ROW EXECUTE FUNCTION reliefs_check_programme();
"""

UNGUARDED = """
DROP TRIGGER reliefs_programme_kept ON reliefs_programme;
DROP TRIGGER reliefs_grants_belong ON reliefs_grant;
DROP TRIGGER reliefs_batches_kept ON reliefs_batch;
DROP TRIGGER reliefs_evidence_kept ON reliefs_evidence;
DROP TRIGGER reliefs_versions_kept ON reliefs_bookversion;
DROP TRIGGER reliefs_grants_kept ON reliefs_grant;
DROP FUNCTION reliefs_check_programme();
DROP FUNCTION reliefs_check_grants();
DROP FUNCTION reliefs_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("reliefs", "0001_tables")]

    operations = [migrations.RunSQL(GUARDS, UNGUARDED)]
