"""Signatures agreed with payment providers: pure rules, the same for us and for the sandbox twin."""
