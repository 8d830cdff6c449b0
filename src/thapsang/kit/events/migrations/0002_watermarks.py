from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0001_tables")]

    operations = [
        migrations.CreateModel(
            name="Watermark",
            fields=[
                ("name", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("value", models.BigIntegerField()),
            ],
        ),
    ]
