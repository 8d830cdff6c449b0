"""Payment intents, payments, callbacks and allocations."""
