"""What metering does: imports, meters hung and taken down, corrections, estimates."""

from thapsang.domain.metering.operations.importing import (
    ImportInsideTransactionError,
    ImportOutcome,
    import_file,
    queue_file,
    run_import,
)

__all__ = [
    "ImportInsideTransactionError",
    "ImportOutcome",
    "import_file",
    "queue_file",
    "run_import",
]
