"""The customer's web site and installable app."""
