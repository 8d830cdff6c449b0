"""The table of the cache that several processes share, so that nothing is made by hand."""

from django.core.management import call_command
from django.db import migrations


def create(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("identity", "0003_staff_roles")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
