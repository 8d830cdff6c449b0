"""The columns of bills, lines, links and ledger entries as their tables take them, for whoever writes them by COPY."""

from __future__ import annotations

import pyarrow as pa

_INT, _DAY, _TEXT, _NUMBER, _SMALL = pa.int64(), pa.date32(), pa.string(), pa.int32(), pa.int16()
BILL = pa.schema(
    {
        "id": _INT, "run_id": _INT, "supply_point_id": _INT, "customer_id": _INT, "agreement_id": _INT,
        "category": _TEXT, "household_quarters": _NUMBER, "start": _DAY, "end": _DAY, "kwh": _INT,
        "kvarh": _INT, "estimated": pa.bool_(), "net": _INT, "vat_rate": _NUMBER, "vat": _INT, "total": _INT,
        "issued_on": _DAY, "due_on": _DAY,
    }
)  # fmt: skip
LINE = pa.schema(
    {
        "bill_id": _INT, "line_no": _SMALL, "kind": _TEXT, "tier": _SMALL, "band": _TEXT, "kwh": _INT,
        "price": _NUMBER, "amount": _INT, "start": _DAY, "end": _DAY, "reference": _SMALL,
    }
)  # fmt: skip
LINKS = pa.schema(
    {"bill_id": _INT, "of_bill_id": _INT, "kind": _TEXT, "origin": _TEXT, "relief_version_id": _INT}
)
LINKS_AND_TARIFFS = LINKS.append(pa.field("policy_version_id", _INT))
"""With the tariffs of a bill that were not its run's."""
ENTRIES = pa.schema([(name, _INT) for name in ("journal_id", "account_id", "amount", "document")])
