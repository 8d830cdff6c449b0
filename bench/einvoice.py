"""Signed e-invoices against their floor: raw RSA-2048 signing with the same key, in the same run.

One thread, timed by the processor time it takes. The product checks a typed invoice, writes it, digests and signs
it into a finished file; the floor only signs a short message. Short rounds of both alternate, and the ratio is the
median of the rounds' ratios, so that neighbours on the machine meet both alike.
The last row signs with two processes by the wall clock, once they have started, against twice the raw rate: it says
how much the machine leaves us.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tests.factories.einvoice import BUYER, PASSWORD, SIGNED_AT, invoice, lines, pkcs12_file

from thapsang.engines.einvoice import (
    Invoice,
    Pkcs12Key,
    Signer,
    draft,
    sign,
    sign_batch,
    sign_many,
    validate,
    verify,
)

COUNT = 2_000
ROUNDS = 20


def invoices(count: int) -> list[Invoice]:
    """Households with all six tiers: the longest usual bill."""
    six = invoice(lines=lines(6))
    return [
        replace(six, number=n, buyer=replace(BUYER, customer_code=f"PA13VH{n:07d}", name=f"Nguyễn Văn {n}"))
        for n in range(1, count + 1)
    ]


def timed(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def raw(signer: Signer, count: int) -> None:
    """The floor: the signature alone, over as many bytes as a SignedInfo has."""
    data = b"x" * 900
    for _ in range(count):
        signer.sign(data)


def row(name: str, values: list[float], floors: list[float]) -> dict[str, object]:
    ratio = statistics.median(value / floor for value, floor in zip(values, floors, strict=True))
    value, floor = statistics.median(values), statistics.median(floors)
    return {
        "name": name,
        "value": round(value),
        "unit": "invoices/s",
        "floor": round(floor),
        "ratio": round(ratio, 3),
    }


def run(count: int = COUNT) -> Iterable[dict[str, object]]:
    """Yield the results: signing a core, writing alone, two processes."""
    opener = Pkcs12Key(pkcs12_file(), PASSWORD)
    signer = opener()
    made = invoices(count)
    files = [sign(one, signer, at=SIGNED_AT) for one in made[:3]]
    assert all(verify(data)[0].genuine and not validate(data) for data in files)
    floors, ours, written = [], [], []
    for start in range(0, count, count // ROUNDS):
        part = made[start : start + count // ROUNDS]
        floors.append(len(part) / timed(lambda part=part: raw(signer, len(part))))
        ours.append(len(part) / timed(lambda part=part: sign_batch(part, signer, at=SIGNED_AT)))
        written.append(len(part) / timed(lambda part=part: [draft(one) for one in part]))
    yield row("e-invoices: checked, written and signed, one core", ours, floors)
    yield row("e-invoices: checked and written, not signed", written, floors)
    work = sign_many(made * 2, opener, at=SIGNED_AT, workers=2)
    next(work)  # the processes have started
    begin = time.perf_counter()
    last = deque(work, maxlen=1)
    seconds = time.perf_counter() - begin
    assert verify(last[0])[0].genuine
    rate, floor = (2 * count - 1) / seconds, 2 * statistics.median(floors)
    yield row("e-invoices: two processes by the wall clock, once started", [rate], [floor])


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result, ensure_ascii=False))
