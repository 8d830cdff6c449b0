"""Prices as dated data with legal references."""
