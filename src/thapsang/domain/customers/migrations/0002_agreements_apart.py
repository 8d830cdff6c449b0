"""A supply point has one agreement a day: checked a statement at a time, at bulk speed."""

from django.db import migrations

APART = """
CREATE FUNCTION customers_check_agreements() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    -- Two transactions that write agreements of one point wait for each other here, and see each other below.
    PERFORM 1 FROM customers_supplypoint p
        WHERE p.id IN (SELECT supply_point_id FROM fresh) ORDER BY p.id FOR NO KEY UPDATE;
    -- EXECUTE plans for the rows at hand: a plan made for one row would walk the index a million times.
    EXECUTE 'SELECT n.number, n.supply_point_id FROM fresh n JOIN customers_supplyagreement o
             ON o.supply_point_id = n.supply_point_id AND o.id <> n.id
             AND o.start < coalesce(n."end", ''infinity'') AND n.start < coalesce(o."end", ''infinity'')
             LIMIT 1' INTO bad;
    IF bad.number IS NOT NULL THEN
        RAISE exclusion_violation USING MESSAGE = format(
            'agreement_no_overlap: supply point %s has another agreement in the time of %s.',
            bad.supply_point_id, bad.number), HINT = 'Close the earlier agreement first.';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER agreement_apart_new AFTER INSERT ON customers_supplyagreement REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION customers_check_agreements();
CREATE TRIGGER agreement_apart_changed AFTER UPDATE ON customers_supplyagreement REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION customers_check_agreements();
"""
TOGETHER = """
DROP TRIGGER agreement_apart_changed ON customers_supplyagreement;
DROP TRIGGER agreement_apart_new ON customers_supplyagreement;
DROP FUNCTION customers_check_agreements();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_tables")]

    operations = [migrations.RunSQL(APART, TOGETHER)]
