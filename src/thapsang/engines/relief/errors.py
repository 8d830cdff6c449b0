"""What can be wrong with the facts the relief engine is handed."""

from __future__ import annotations


class ReliefInputError(ValueError):
    """Facts or evidence do not fit the programmes: the message names the table, the value and the fix."""
