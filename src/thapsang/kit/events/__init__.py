"""The outbox: what happened, to be told after the transaction commits."""
