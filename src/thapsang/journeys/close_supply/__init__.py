"""Bills outside the month's run: a customer leaves or comes inside a month, or the contract ends.

`close` ends the agreement with the dial's value of the day and issues the final bill, due at once; `move_in` opens the
next agreement, whose first regular bill begins that day. Runbook: docs/operations/corrections.md.
"""

from thapsang.journeys.close_supply.closing import Closed, close
from thapsang.journeys.close_supply.moving_in import move_in

__all__ = ["Closed", "close", "move_in"]
