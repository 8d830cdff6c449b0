"""Half-open dates and calendar months."""
