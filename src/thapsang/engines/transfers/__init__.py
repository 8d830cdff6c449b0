"""Orders to a bank: a customer credit transfer as ISO 20022 names it (pain.001.001.09)."""

from thapsang.engines.transfers.pain001 import NAMESPACE, SCHEMA, Order, Party, TransferError, write

__all__ = ["NAMESPACE", "SCHEMA", "Order", "Party", "TransferError", "write"]
