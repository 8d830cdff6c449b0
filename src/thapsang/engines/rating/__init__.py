"""From kWh to đồng: the columnar rating engine."""
