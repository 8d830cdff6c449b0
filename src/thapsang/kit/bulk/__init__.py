"""Columns in and out of PostgreSQL: Arrow, ADBC, COPY."""
