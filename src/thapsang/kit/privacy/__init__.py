"""Personal data: encryption at rest, blind indexes, marking of fields."""
