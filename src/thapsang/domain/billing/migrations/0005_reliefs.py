"""Which book of reliefs a month's bills, or a final bill, gave by as they were issued."""

import django.db.models.deletion
from django.db import migrations, models


def _version() -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="reliefs.bookversion",
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_corrections"), ("reliefs", "0003_in_bills")]

    operations = [
        migrations.AddField(model_name="billrun", name="relief_version", field=_version()),
        migrations.AddField(model_name="finalbill", name="relief_version", field=_version()),
    ]
