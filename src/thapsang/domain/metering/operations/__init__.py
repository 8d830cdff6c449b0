"""What metering does: imports, meters hung and taken down, corrections, estimates."""

from thapsang.domain.metering.operations.correcting import Corrected, CorrectionRefusedError, correct_reading
from thapsang.domain.metering.operations.estimating import EstimateOutcome, NotEstimated, estimate_missing
from thapsang.domain.metering.operations.importing import (
    ImportInsideTransactionError,
    ImportOutcome,
    Progress,
    import_file,
    queue_file,
    run_import,
)
from thapsang.domain.metering.operations.interim import read_between
from thapsang.domain.metering.operations.meters import (
    MeterWorkError,
    NewMeter,
    install_meter,
    remove_meter,
    replace_meter,
)
from thapsang.domain.metering.operations.releasing import Released, estimate_released
from thapsang.domain.metering.operations.splitting import Split, SplitRefusedError, split_period
from thapsang.domain.metering.operations.storms import (
    StormRefusedError,
    begin_storm,
    decide_held,
    end_storm,
    withdraw_storm,
)

__all__ = [
    "Corrected",
    "CorrectionRefusedError",
    "EstimateOutcome",
    "ImportInsideTransactionError",
    "ImportOutcome",
    "MeterWorkError",
    "NewMeter",
    "NotEstimated",
    "Progress",
    "Released",
    "Split",
    "SplitRefusedError",
    "StormRefusedError",
    "begin_storm",
    "correct_reading",
    "decide_held",
    "end_storm",
    "estimate_missing",
    "estimate_released",
    "import_file",
    "install_meter",
    "queue_file",
    "read_between",
    "remove_meter",
    "replace_meter",
    "run_import",
    "split_period",
    "withdraw_storm",
]
