"""What each book of a run billed in each tariff category."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_links_by_month")]

    operations = [
        migrations.AddField(
            model_name="billrunbook",
            name="categories",
            field=models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
    ]
