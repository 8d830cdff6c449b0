"""Storms are records: nothing of them is deleted, an end recorded stays, a withdrawal stays (docs/adr/0024)."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION metering_storm_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE restrict_violation USING MESSAGE = format('Rows of %s are never deleted: readings were judged by them.',
            TG_TABLE_NAME);
    END IF;
    IF TG_TABLE_NAME = 'metering_stormarea' AND (OLD.ended_at IS NOT NULL
        OR (NEW.storm_id, NEW.began_at) IS DISTINCT FROM (OLD.storm_id, OLD.began_at)
        OR (NEW.area_team_id, NEW.commune_id, NEW.book_id)
           IS DISTINCT FROM (OLD.area_team_id, OLD.commune_id, OLD.book_id)) THEN
        RAISE restrict_violation USING MESSAGE =
            'An area of a storm keeps its place and beginning, and its end once recorded: withdraw the storm instead.';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION metering_storm_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.withdrawn_at IS NOT NULL
       OR (NEW.name, NEW.document, NEW.reason, NEW.recorded_name, NEW.recorded_at)
          IS DISTINCT FROM (OLD.name, OLD.document, OLD.reason, OLD.recorded_name, OLD.recorded_at) THEN
        RAISE restrict_violation USING MESSAGE = 'A storm stays as it was recorded: withdraw it and record another.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER storm_kept BEFORE UPDATE OR DELETE ON metering_storm
    FOR EACH ROW EXECUTE FUNCTION metering_storm_kept();
CREATE TRIGGER storm_area_stays BEFORE UPDATE OR DELETE ON metering_stormarea
    FOR EACH ROW EXECUTE FUNCTION metering_storm_stays();
CREATE TRIGGER storm_decision_stays BEFORE UPDATE OR DELETE ON metering_stormdecision
    FOR EACH ROW EXECUTE FUNCTION metering_refuse();
"""
UNDO = """
DROP TRIGGER storm_decision_stays ON metering_stormdecision;
DROP TRIGGER storm_area_stays ON metering_stormarea;
DROP TRIGGER storm_kept ON metering_storm;
DROP FUNCTION metering_storm_stays();
DROP FUNCTION metering_storm_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0003_storms")]
    operations = [migrations.RunSQL(GUARDS, UNDO)]
