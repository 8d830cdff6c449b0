"""Invoices in columns: claim books, number, sign, hand over."""
