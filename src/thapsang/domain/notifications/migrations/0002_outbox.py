from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_tables")]

    operations = [
        migrations.AddField("message", "text_cipher", models.BinaryField(null=True)),
        migrations.AddField("message", "about", models.CharField(max_length=80, null=True, unique=True)),
        migrations.AddField("message", "tries", models.PositiveSmallIntegerField(db_default=0, default=0)),
        migrations.AddField("message", "due_at", models.DateTimeField(null=True)),
        migrations.AddField("message", "expires_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "message",
            models.Index(condition=models.Q(("status", "queued")), fields=["due_at"], name="message_due"),
        ),
    ]
