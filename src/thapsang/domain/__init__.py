"""The domain's Django apps, in the order of docs/adr/0001."""
