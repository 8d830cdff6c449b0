from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_outbox")]

    operations = [
        migrations.AddField("message", "tried_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "message",
            models.Index(condition=models.Q(("channel", "email")), fields=["tried_at"], name="email_tried"),
        ),
        migrations.AddIndex(
            "message",
            models.Index(
                condition=models.Q(("channel", "email")),
                fields=["provider_reference"],
                name="email_by_its_id",
            ),
        ),
    ]
