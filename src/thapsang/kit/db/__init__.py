"""The database: where it is, the embedded server, transactions and partitions."""
