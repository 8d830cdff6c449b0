"""Translate in, one call, translate out."""
