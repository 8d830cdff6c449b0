"""Customers, premises, supply points and agreements."""
