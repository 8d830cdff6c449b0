"""E-invoices of bills: series and gapless numbers, signed files, hand-over to the tax authority."""
