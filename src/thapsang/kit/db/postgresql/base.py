"""A kept connection is looked at before each request; Django asks the server, here the socket is asked first.

A server that went away (restart, idle limit, failover) has closed the socket, or has written why: the socket is
readable. A quiet socket needs no round trip; anything else is asked as Django does.
"""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's PostgreSQL, one statement fewer in each request."""

    def is_usable(self) -> bool:
        """Tell whether the kept connection can be used."""
        if self.connection is None or self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(super().is_usable()) if waiting.poll(0) else True
