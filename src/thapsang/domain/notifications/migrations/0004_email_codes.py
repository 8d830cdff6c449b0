"""One-time codes for e-mail addresses; an index for the e-mails somebody waits for."""

from django.db import migrations, models

CODE = [
    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
    ("email_cipher", models.BinaryField()),
    ("asker_hash", models.BinaryField()),
    ("code_hash", models.BinaryField(null=True)),
    ("language", models.CharField(max_length=2)),
    ("tries", models.PositiveSmallIntegerField(default=0)),
    ("created_at", models.DateTimeField()),
    ("expires_at", models.DateTimeField()),
    ("used_at", models.DateTimeField(blank=True, null=True)),
]


class Migration(migrations.Migration):
    dependencies = [("notifications", "0003_email")]

    operations = [
        migrations.CreateModel(
            name="EmailCode",
            fields=CODE,
            options={
                "indexes": [models.Index(fields=["asker_hash", "created_at"], name="email_code_by_asker")]
            },
        ),
        migrations.AddIndex(
            "message",
            models.Index(
                condition=models.Q(("channel", "email"), ("expires_at__isnull", False), ("status", "queued")),
                fields=["due_at"],
                name="email_waited_for",
            ),
        ),
    ]
