"""Readings a million at a time: months, consumption of a period."""

from thapsang.domain.metering.bulk.between import usage_between
from thapsang.domain.metering.bulk.history import usage_of_months
from thapsang.domain.metering.bulk.months import ensure_months
from thapsang.domain.metering.bulk.usage import period_usage, usage_of_points

__all__ = ["ensure_months", "period_usage", "usage_between", "usage_of_months", "usage_of_points"]
