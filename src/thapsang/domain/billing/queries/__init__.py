"""Reading bills, runs, exceptions and the policy of billing. Nothing here writes."""

from thapsang.domain.billing.queries.bills import (
    BILL_COLUMNS,
    bill,
    bill_view,
    bills,
    bills_of,
    bills_of_customers,
    detail,
    later_question,
    lines_question,
    newest_bill,
)
from thapsang.domain.billing.queries.exceptions import exception, exception_counts, open_exceptions
from thapsang.domain.billing.queries.policy import current_policy, load_policy
from thapsang.domain.billing.queries.runs import category_totals, run, run_progress, runs
from thapsang.domain.billing.types import (
    BillDetail,
    BillView,
    CategoryTotal,
    ExceptionView,
    LineView,
    Progress,
    RunView,
)

__all__ = [
    "BILL_COLUMNS",
    "BillDetail",
    "BillView",
    "CategoryTotal",
    "ExceptionView",
    "LineView",
    "Progress",
    "RunView",
    "bill",
    "bill_view",
    "bills",
    "bills_of",
    "bills_of_customers",
    "category_totals",
    "current_policy",
    "detail",
    "exception",
    "exception_counts",
    "later_question",
    "lines_question",
    "load_policy",
    "newest_bill",
    "open_exceptions",
    "run",
    "run_progress",
    "runs",
]
