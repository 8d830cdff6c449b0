"""The language of what is written to a contact point, once its owner has said."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0005_superseded_terms")]

    operations = [
        migrations.AddField(
            model_name="contactpoint",
            name="language",
            field=models.CharField(blank=True, db_default="", default="", max_length=2),
        ),
    ]
