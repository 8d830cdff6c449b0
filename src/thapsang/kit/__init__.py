"""Plumbing of ours over Django."""
