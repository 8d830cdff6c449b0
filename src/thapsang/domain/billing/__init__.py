"""Bill runs, bills, lines and exceptions."""
