"""Why files and rows came back: a code and its figures; the words are put to them when somebody reads."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0004_storm_guards")]

    operations = [
        migrations.AddField(
            "readingimport",
            "problem_code",
            models.CharField(blank=True, default="", max_length=30),
            preserve_default=False,
        ),
        migrations.AddField("readingimport", "problem_figures", models.JSONField(blank=True, default=dict)),
        migrations.AddField("rejectedreading", "figures", models.JSONField(blank=True, default=dict)),
        migrations.AlterField("rejectedreading", "reason", models.TextField(blank=True)),
        migrations.AlterField("rejectedreading", "remedy", models.TextField(blank=True)),
    ]
