"""Sandbox twins of the outside systems: a payment gateway, a sender of short messages, a bank.

One small HTTP server, a process of its own. It speaks the providers' protocols and shares nothing with the
product but the pure signing and QR rules. Everything it knows is in memory and gone when it ends.
"""
