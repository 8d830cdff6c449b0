"""A journal's balance is planned once for each connection, not once for each journal.

A few journals of bill runs and collections have thousands of entries, most have two: seeing the number, the planner
finds a cheaper plan and so plans anew each time, which costs more than the check. The index serves both kinds.
"""

from django.db import migrations

ONCE = """
ALTER FUNCTION ledger_check_journal() SET plan_cache_mode = force_generic_plan;
-- With few journals in the table, the plan for any of them would read it whole.
ALTER FUNCTION ledger_check_journal() SET enable_seqscan = off;
"""
EACH_TIME = """
ALTER FUNCTION ledger_check_journal() RESET enable_seqscan;
ALTER FUNCTION ledger_check_journal() RESET plan_cache_mode;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_guards")]

    operations = [migrations.RunSQL(ONCE, EACH_TIME)]
