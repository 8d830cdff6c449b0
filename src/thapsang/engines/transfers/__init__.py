"""Orders to a bank: a customer credit transfer as ISO 20022 names it (pain.001.001.09)."""

from thapsang.engines.transfers.pain001 import Order, Party, TransferError, faults, write

__all__ = ["Order", "Party", "TransferError", "faults", "write"]
