"""Meters, registers and readings."""
