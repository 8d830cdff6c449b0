"""Integer đồng and rounding."""
