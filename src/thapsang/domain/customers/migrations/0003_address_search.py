"""Look addresses up by their index only.

Addresses of a team lie together in the table and are written alike, so that the planner, which believes words
to be spread evenly, reads the whole table in search of twenty "bản 5" that all stand at its end.
"""

from django.db import migrations

BY_WORDS = """
CREATE FUNCTION customers_premises_by_words(words tsquery, commune bigint, most integer) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    IF commune IS NULL THEN
        RETURN QUERY SELECT id FROM customers_premises WHERE search @@ words LIMIT most;
    ELSE
        RETURN QUERY SELECT id FROM customers_premises WHERE search @@ words AND commune_id = commune LIMIT most;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_agreements_apart")]

    operations = [
        migrations.RunSQL(BY_WORDS, "DROP FUNCTION customers_premises_by_words(tsquery, bigint, integer)")
    ]
