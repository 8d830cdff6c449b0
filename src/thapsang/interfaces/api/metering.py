"""For AMI head-ends: send readings, hear at once which were taken and which were not, and why."""

from __future__ import annotations

import csv
import hashlib
import io

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from pydantic import Field

from thapsang.domain.metering import operations, queries
from thapsang.interfaces.api.auth import Needs
from thapsang.interfaces.api.problems import described
from thapsang.kit.identity.clients import Caller

router = Router(tags=["metering"])
MOST = 10_000
_COLUMNS = ("serial", "register", "read_on", "value", "quality")


class ApiRequest(HttpRequest):
    """A request whose caller was let in by `Needs`."""

    auth: Caller


class ReadingIn(Schema):
    """One dial's value at 00:00 of a day in Việt Nam. A wrong row comes back; it does not stop the others."""

    serial: str = Field(max_length=40, pattern=r"^[^\x00-\x1f]*$", description="Serial of the meter.")
    register_kind: str = Field(
        "total", alias="register", max_length=20, pattern=r"^[^\x00-\x1f]*$",
        description="total, normal, peak, offpeak or reactive.",
    )  # fmt: skip
    read_on: str = Field(
        max_length=20, pattern=r"^[^\x00-\x1f]*$", description="YYYY-MM-DD.", examples=["2026-11-01"]
    )
    value: int = Field(strict=True, description="Whole kWh or kvarh on the dial, before the multiplier.")
    quality: str = Field("", max_length=5, pattern=r"^[^\x00-\x1f]*$", description="A, C, V or empty (A).")


class ReadingsIn(Schema):
    """Up to 10,000 readings; taken as a whole or, when the connection breaks, sent again as they are."""

    readings: list[ReadingIn] = Field(min_length=1, max_length=MOST)


class ReturnedRow(Schema):
    """A reading that was not taken (`action` reject), or taken and to be looked at (`flag`)."""

    row: int = Field(description="Its place in `readings`, from 1.")
    action: str
    code: str = Field(description="Stable; act on this.")
    reason: str = Field(description="In Vietnamese; in English when Accept-Language begins with en.")
    remedy: str = Field(description="What to do, in the same language.")


class ReadingsOut(Schema):
    """What became of the readings. The same body sent again changes nothing: `already` is true."""

    import_id: int
    already: bool
    rows: int
    accepted: int
    repeated: int
    rejected: int
    flagged: int
    returned: list[ReturnedRow]


@router.post(
    "/readings",
    auth=Needs("readings:write"),
    response={
        200: ReadingsOut,
        **described(
            "not-authenticated", "scope-missing", "invalid-request", "too-many-requests", "malformed-body"
        ),
    },
    summary="Send readings",
    operation_id="send_readings",
)
def send(request: ApiRequest, body: ReadingsIn) -> ReadingsOut:
    """Take good readings, give bad ones back with a reason and what to do."""
    content = _as_csv(body)
    name = f"{request.auth.client_id}-{hashlib.sha256(content).hexdigest()[:12]}.csv"
    outcome = operations.import_file(content, name=name, channel="ami", at=timezone.now())
    wanted = request.headers.get("Accept-Language", "").lower()
    language = "en" if wanted.startswith("en") else "vi"
    returned = queries.rejections(import_id=outcome.import_id, limit=None, language=language)
    shown = [
        ReturnedRow(row=r.row, action=r.action, code=r.code, reason=r.reason, remedy=r.remedy)
        for r in returned
    ]
    return ReadingsOut(
        import_id=outcome.import_id, already=outcome.already, rows=outcome.rows, accepted=outcome.accepted,
        repeated=outcome.repeated, rejected=outcome.rejected, flagged=outcome.flagged, returned=shown,
    )  # fmt: skip


def _as_csv(body: ReadingsIn) -> bytes:
    """Give the body as the file an import keeps: one way in for every channel."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([r.serial, r.register_kind, r.read_on, r.value, r.quality] for r in body.readings)
    return sink.getvalue().encode()
