"""Inbound messages of providers: payment callbacks."""
