"""Find the genuine messages that moved no money without reading all messages."""

from django.db import migrations, models

VERDICTS = ["wrong-amount", "success-after-failure", "second-transaction", "unknown-order"]


class Migration(migrations.Migration):
    dependencies = [("payments", "0007_keys_by_statement")]

    operations = [
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(
                fields=["id"], name="callback_to_judge", condition=models.Q(verdict__in=VERDICTS)
            ),
        ),
    ]
