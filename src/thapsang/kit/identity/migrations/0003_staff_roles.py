"""The staff roles: Django groups named as the audiences."""

from django.db import migrations

ROLES = ("billing", "cashier", "customer-service", "auditor", "administrator")


def add(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("identity", "0002_throttle"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
