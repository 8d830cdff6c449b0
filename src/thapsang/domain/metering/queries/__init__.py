"""What metering knows: meters, readings and months of a point; imports and what they gave back."""

from thapsang.domain.metering.queries.imports import (
    ImportView,
    MissingView,
    RejectionView,
    imports,
    missing_readings,
    reading_import,
    rejected_csv,
    rejection_counts,
    rejections,
)
from thapsang.domain.metering.queries.points import (
    MeterView,
    MonthUsage,
    ReadingView,
    RegisterView,
    Timeline,
    meters,
    monthly_usage,
    points_by_meter,
    readings,
    superseded,
    timeline_question,
)

__all__ = [
    "ImportView",
    "MeterView",
    "MissingView",
    "MonthUsage",
    "ReadingView",
    "RegisterView",
    "RejectionView",
    "Timeline",
    "imports",
    "meters",
    "missing_readings",
    "monthly_usage",
    "points_by_meter",
    "reading_import",
    "readings",
    "rejected_csv",
    "rejection_counts",
    "rejections",
    "superseded",
    "timeline_question",
]
