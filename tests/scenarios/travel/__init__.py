"""Travelling through years: stories in YAML, driven day by day through the real journeys, proved at every step."""
