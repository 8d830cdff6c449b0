"""Pure Python and columns; no Django, no database."""
