"""Terms that are corrected for past days: what they were is kept by the database, whoever changes them."""

import django.db.models.deletion
from django.db import migrations, models

KEPT = """
CREATE FUNCTION customers_keep_superseded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO customers_supersededterm
        (term_id, agreement_id, start, category, household_quarters, voltage, time_of_use, reactive_charged, reason,
         correction, superseded_at)
    SELECT id, agreement_id, start, category, household_quarters, voltage, time_of_use, reactive_charged, reason,
        coalesce(current_setting('thapsang.correction', true), ''), now() FROM was ORDER BY id;
    RETURN NULL;
END $$;
CREATE TRIGGER term_kept AFTER UPDATE ON customers_agreementterm
    REFERENCING OLD TABLE AS was FOR EACH STATEMENT EXECUTE FUNCTION customers_keep_superseded();
"""
FORGOTTEN = """
DROP TRIGGER term_kept ON customers_agreementterm;
DROP FUNCTION customers_keep_superseded();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_search_from_any_word")]

    operations = [
        migrations.CreateModel(
            name="SupersededTerm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("term_id", models.BigIntegerField(db_index=True)),
                ("start", models.DateField()),
                ("category", models.CharField(max_length=24)),
                ("household_quarters", models.PositiveIntegerField()),
                ("voltage", models.CharField(max_length=12)),
                ("time_of_use", models.BooleanField()),
                ("reactive_charged", models.BooleanField()),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("correction", models.CharField(blank=True, max_length=500)),
                ("superseded_at", models.DateTimeField()),
                (
                    "agreement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.supplyagreement",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(KEPT, FORGOTTEN),
    ]
