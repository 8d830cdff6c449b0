"""Readings partitioned by month, and the guards that hold their references at bulk speed (docs/adr/0007)."""

from django.db import migrations

PARTITIONED = """
DROP TABLE metering_reading;
CREATE TABLE metering_reading (
    register_id bigint NOT NULL,
    read_on date NOT NULL,
    value bigint NOT NULL CONSTRAINT reading_not_negative CHECK (value >= 0),
    quality varchar(1) NOT NULL DEFAULT 'A' CONSTRAINT reading_quality CHECK (quality IN ('A', 'E', 'C', 'V')),
    source varchar(8) NOT NULL DEFAULT 'import',
    import_file_id bigint,
    PRIMARY KEY (register_id, read_on)
) PARTITION BY RANGE (read_on);
CREATE INDEX reading_splits ON metering_reading (read_on, register_id) WHERE source = 'price';
"""

CHECK_NEW = """
CREATE FUNCTION metering_check_readings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    -- EXECUTE plans for the rows at hand: a plan made for one row would walk the index a million times.
    EXECUTE 'SELECT f.register_id, f.read_on, r.digits FROM fresh f
             LEFT JOIN metering_register r ON r.id = f.register_id
             WHERE r.id IS NULL OR f.value >= power(10, r.digits) LIMIT 1' INTO bad;
    IF bad.register_id IS NOT NULL THEN
        IF bad.digits IS NULL THEN
            RAISE foreign_key_violation USING MESSAGE =
                format('Reading of %s: register %s does not exist.', bad.read_on, bad.register_id);
        END IF;
        RAISE check_violation USING MESSAGE = format('Reading of register %s on %s has more than %s digits.',
            bad.register_id, bad.read_on, bad.digits);
    END IF;
    EXECUTE 'SELECT d.import_file_id FROM (SELECT DISTINCT import_file_id FROM fresh) d
             WHERE d.import_file_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM metering_readingimport i WHERE i.id = d.import_file_id) LIMIT 1' INTO bad;
    IF bad.import_file_id IS NOT NULL THEN
        RAISE foreign_key_violation USING MESSAGE = format('Import %s does not exist.', bad.import_file_id);
    END IF;
    RETURN NULL;
END $$;
"""

KEEP_OLD = """
CREATE FUNCTION metering_keep_superseded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE why text := current_setting('thapsang.correction', true); bad record;
BEGIN
    IF coalesce(why, '') = '' THEN
        RAISE check_violation USING MESSAGE = 'A reading is corrected only through metering.operations, with a reason.';
    END IF;
    SELECT o.register_id, o.read_on INTO bad FROM was o LEFT JOIN fresh n USING (register_id, read_on)
    LEFT JOIN metering_register r ON r.id = n.register_id
    WHERE n.register_id IS NULL OR n.value >= power(10, r.digits) LIMIT 1;
    IF bad.register_id IS NOT NULL THEN
        RAISE check_violation USING MESSAGE = format(
            'Reading of register %s on %s: its key may not change, its value must fit the dial.',
            bad.register_id, bad.read_on);
    END IF;
    INSERT INTO metering_supersededreading
        (register_id, read_on, value, quality, source, import_file_id, reason, superseded_at)
    SELECT register_id, read_on, value, quality, source, import_file_id, why, now() FROM was;
    RETURN NULL;
END $$;
CREATE FUNCTION metering_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE restrict_violation USING MESSAGE =
        format('Rows of %s are never deleted or renumbered: readings point at them.', TG_TABLE_NAME);
END $$;
CREATE FUNCTION metering_guard_readings(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER reading_checked AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION metering_check_readings()', target);
    EXECUTE format('CREATE TRIGGER reading_kept AFTER UPDATE ON %s REFERENCING OLD TABLE AS was NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION metering_keep_superseded()', target);
    EXECUTE format('CREATE TRIGGER reading_stays BEFORE DELETE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION metering_refuse()', target);
END $$;
SELECT metering_guard_readings('metering_reading');
CREATE TRIGGER register_stays BEFORE DELETE OR UPDATE OF id ON metering_register
    FOR EACH ROW EXECUTE FUNCTION metering_refuse();
CREATE TRIGGER import_stays BEFORE DELETE OR UPDATE OF id ON metering_readingimport
    FOR EACH ROW EXECUTE FUNCTION metering_refuse();
"""

MONTHS = """
CREATE FUNCTION metering_ensure_months(first date, last date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE month date := date_trunc('month', first); name text; made integer := 0;
BEGIN
    WHILE month <= last LOOP
        name := 'metering_reading_' || to_char(month, 'YYYYMM');
        IF to_regclass(name) IS NULL THEN
            PERFORM pg_advisory_xact_lock(hashtext('metering_ensure_months'));
            IF to_regclass(name) IS NULL THEN
                -- Made apart and attached: readers and writers of the other months are not held up.
                EXECUTE format('CREATE TABLE %I (LIKE metering_reading INCLUDING ALL)', name);
                EXECUTE format('ALTER TABLE metering_reading ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                    name, month, (month + interval '1 month')::date);
                PERFORM metering_guard_readings(name::regclass);
                made := made + 1;
            END IF;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;
"""

OVERLAPS = """
CREATE FUNCTION metering_check_installations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    EXECUTE 'SELECT n.id, n.supply_point_id, n.meter_id FROM fresh n JOIN metering_installation o
             ON o.supply_point_id = n.supply_point_id AND o.id <> n.id
             AND o.start < coalesce(n."end", ''infinity'') AND n.start < coalesce(o."end", ''infinity'') LIMIT 1' INTO bad;
    IF bad.id IS NOT NULL THEN
        RAISE exclusion_violation USING MESSAGE = format(
            'Supply point %s has two meters at one time (installation %s).', bad.supply_point_id, bad.id);
    END IF;
    EXECUTE 'SELECT n.id, n.meter_id FROM fresh n JOIN metering_installation o
             ON o.meter_id = n.meter_id AND o.id <> n.id
             AND o.start < coalesce(n."end", ''infinity'') AND n.start < coalesce(o."end", ''infinity'') LIMIT 1' INTO bad;
    IF bad.id IS NOT NULL THEN
        RAISE exclusion_violation USING MESSAGE = format(
            'Meter %s hangs in two places at one time (installation %s).', bad.meter_id, bad.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER installation_apart_new AFTER INSERT ON metering_installation REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION metering_check_installations();
CREATE TRIGGER installation_apart_changed AFTER UPDATE ON metering_installation REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION metering_check_installations();
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_tables")]
    operations = [
        migrations.RunSQL(sql, migrations.RunSQL.noop)
        for sql in (PARTITIONED, CHECK_NEW, KEEP_OLD, MONTHS, OVERLAPS)
    ]
