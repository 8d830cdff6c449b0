"""The embedded server is the real thing, and durable."""

import pytest
from django.db import connection


@pytest.mark.django_db
def test_it_is_postgresql_18_with_fsync_on() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000, current_setting('fsync')")
        assert cursor.fetchone() == (18, "on")
