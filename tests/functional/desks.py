"""Real work on the desks of a province that is billed: reliefs, lists with unsure rows, corrections, invoices.

Run as `python -m tests.functional.desks` with THAPSANG_DB_KEY of a running server and THAPSANG_TWIN_URL of running
twins; prints as JSON which page shows what. Needs September and October 2026 billed.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import date, timedelta
from typing import Any

SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)
CLERK, OTHER = "hoadon", "quantri"


def fill() -> dict[str, str]:
    """Do the work; return the pages by what they show."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")
    import django

    django.setup()
    from django.utils import timezone

    from thapsang.kit.db.transactions import transaction
    from thapsang.kit.identity import demonstration

    with transaction():
        demonstration.add_people(at=timezone.now())
    return {**_reliefs(), **_corrections(), **_invoices()}


def rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """Ask the database."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []


def person(username: str) -> Any:
    """Return a member of staff."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get(username=username)


def _reliefs() -> dict[str, str]:
    from django.core.cache import caches
    from django.utils import timezone

    from tests.factories import reliefs as factory
    from thapsang.domain.reliefs import operations
    from thapsang.domain.tariffs import queries as tariffs
    from thapsang.interfaces.shared.relief_jobs import simulation_key
    from thapsang.journeys import relieve_months
    from thapsang.kit.db.place import ROOT
    from thapsang.kit.db.transactions import transaction

    at, book = timezone.now(), tariffs.current_book()

    def drafted(text: str, file: str) -> int:
        with transaction():
            return operations.draft(
                file=file, text=text, tariffs=book, actor=person(CLERK), reason="bão số 10", at=at
            )

    covid = ROOT / "policies/nghe-an/reliefs/2021-08-covid-4.yaml"
    draft = drafted(covid.read_text(encoding="utf-8"), covid.name)
    other = drafted(factory.storm(code="storm-20", low=20, up_to=300, order=101), "b.yaml")
    storm = drafted(factory.storm(start="2026-09-01"), "2026-10-storm.yaml")
    with transaction():
        operations.review(programme_id=storm, actor=person(OTHER), at=at)
    with transaction():
        operations.put_in_force(programme_id=storm, tariffs=book, actor=person(OTHER), at=at)
    _lists(at)
    done = _batch("Bão số 10, tháng 9", SEPTEMBER, at)
    relieve_months.approve(batch_id=done, actor=person(OTHER), at=at)
    relieve_months.run(batch_id=done, workers=1, at=at)
    ready = _batch("Bão số 10, tháng 10", OCTOBER, at)
    asked = [
        relieve_months.variant_of(name=name, codes=[f"#{n}"])
        for n, name in ((storm, "15 % và 10 %"), (other, "20 % đến 300 kWh"))
    ]
    found = relieve_months.simulate(variants=asked, months=[SEPTEMBER, OCTOBER])
    kept = {"variants": found, "problem": "", "months": ["2026-09-01", "2026-10-01"]}
    caches["shared"].set(simulation_key("seen"), kept, 24 * 3600)
    [(code,)] = rows(
        "SELECT p.code FROM customers_supplypoint p JOIN reliefs_grant g ON g.supply_point_id = p.id LIMIT 1"
    )
    return {
        "programmes": "/console/reliefs/", "programme": f"/console/reliefs/{draft}/",
        "in-force": f"/console/reliefs/{storm}/", "simulation": "/console/reliefs/simulations/seen/",
        "batch-done": f"/console/reliefs/batches/{done}/", "batch-ready": f"/console/reliefs/batches/{ready}/",
        "evidence": "/console/reliefs/evidence/", "why": f"/console/reliefs/why/{code}/2026-09/",
    }  # fmt: skip


def _batch(name: str, month: date, at: Any) -> int:
    from thapsang.journeys import relieve_months

    number = relieve_months.ask(
        programmes=["storm"], months=[month], name=name, reason="NQ storm", actor=person(CLERK), at=at
    )
    relieve_months.compute(batch_id=number)
    return int(number)


def _lists(at: Any) -> None:
    """Import a list of communes, and one of people with sure, unsure and wrong rows."""
    from thapsang.domain.reliefs import operations, queries
    from thapsang.kit.db.transactions import transaction

    communes = rows(
        "SELECT c.code, max(c.name) FROM customers_supplypoint p JOIN customers_premises m ON m.id = p.premises_id "
        "JOIN network_commune c ON c.id = m.commune_id GROUP BY 1 ORDER BY count(*) DESC LIMIT 25"
    )
    people = rows(
        "SELECT c.code, c.name, m.address FROM customers_customer c "
        "JOIN customers_supplyagreement a ON a.customer_id = c.id "
        "JOIN customers_supplypoint p ON p.id = a.supply_point_id "
        "JOIN customers_premises m ON m.id = p.premises_id WHERE c.kind = 'person' ORDER BY c.id LIMIT 60 OFFSET 40"
    )
    areas = "Xã, phường;Từ ngày\n" + "".join(f"{code};01/09/2026\n" for code, _ in communes)
    listed = "Mã khách hàng;Họ và tên;Địa chỉ;Từ ngày\n"
    for place, (code, name, address) in enumerate(people):
        if place % 12 == 5:
            listed += f";{name};đường khác;01/10/2026\n"
        elif place % 12 == 7:
            listed += f"{code};Người Khác Hẳn;{address};01/10/2026\n"
        elif place % 12 == 9:
            listed += f"{code};{name};{address};45/10/2026\n"
        else:
            listed += f"{code};{name};{address};01/10/2026\n"
    for kind, text in (("directive-16", areas), ("poor-households", listed)):
        with transaction():
            operations.import_list(
                content=text.encode(), file_name=f"{kind}.csv", code=kind, lists=queries.list_scopes(),
                authority="UBND tỉnh Nghệ An", document="QĐ 12/2026", document_date=OCTOBER, start=None, end=None,
                actor=person(CLERK), at=at,
            )  # fmt: skip


def _corrections() -> dict[str, str]:
    from django.utils import timezone

    from thapsang.domain.billing.types import bill_code, bill_id
    from thapsang.domain.metering import operations as metering
    from thapsang.domain.metering import queries as readings
    from thapsang.journeys import correct_bills
    from thapsang.kit.db.transactions import transaction

    at = timezone.now()
    points = rows(
        "SELECT p.id, p.code, c.code FROM customers_supplypoint p JOIN customers_supplyagreement a ON "
        'a.supply_point_id = p.id AND a."end" IS NULL JOIN customers_customer c ON c.id = a.customer_id '
        "JOIN customers_agreementterm t ON t.agreement_id = a.id AND t.category = 'residential' "
        "JOIN billing_bill b ON b.supply_point_id = p.id AND b.id / 10000000000 = 2610 AND b.kwh > 60 "
        "WHERE p.id > 40 AND NOT b.estimated ORDER BY p.id LIMIT 3"
    )
    for point, _, _ in points:
        for one in readings.readings(supply_point_id=point, limit=2):
            if one.read_on == NOVEMBER:
                with transaction():
                    metering.correct_reading(
                        register_id=one.register_id, read_on=NOVEMBER, value=one.value - 25,
                        reason="đọc nhầm, phúc tra tại chỗ", actor=person(CLERK), at=at,
                    )  # fmt: skip

    def preview(codes: list[str], by: str) -> int:
        found = correct_bills.preview(
            first=OCTOBER, last=OCTOBER, tariff="kept", point_codes=codes, book_codes=None,
            reason="Đọc nhầm chỉ số, đã phúc tra", document="BB 17/2026", actor=person(by), at=at,
        )  # fmt: skip
        return int(found.correction.id)

    issued = preview([points[0][1]], CLERK)
    correct_bills.issue(correction_id=issued, how="adjust", actor=person(OTHER), at=at)
    draft = preview([code for _, code, _ in points[1:]], OTHER)
    code = bill_code(bill_id(OCTOBER, points[0][0]))
    return {
        "corrections": "/console/corrections/", "correction-new": "/console/corrections/new/",
        "correction-draft": f"/console/corrections/{draft}/",
        "correction-issued": f"/console/corrections/{issued}/", "customer": f"/console/customers/{points[0][2]}/",
        "bill": f"/console/customers/{points[0][2]}/bills/{code}/", **_closed(points[2][1], points[2][0]),
    }  # fmt: skip


def _closed(code: str, point: int) -> dict[str, str]:
    """Close a supply within November with its final bill."""
    from thapsang.domain.metering import queries as readings
    from thapsang.journeys import close_supply

    last = readings.readings(supply_point_id=point, limit=4)
    on = NOVEMBER + timedelta(days=14)
    dials = {one.register: one.value + 40 for one in last if one.read_on == NOVEMBER}
    [(spare,)] = rows("SELECT c.code FROM customers_customer c JOIN customers_supplyagreement a ON "
                      "a.customer_id = c.id WHERE a.supply_point_id = %s", point)  # fmt: skip
    close_supply.close(
        point_code=code, on=on, readings=dials, reason="Khách hàng chuyển đi", document="ĐN 5/2026",
        actor=person(CLERK),
    )  # fmt: skip
    return {"customer-closed": f"/console/customers/{spare}/"}


def _invoices() -> dict[str, str]:
    import httpx
    from django.utils import timezone

    from thapsang.journeys import hand_over_invoices, issue_invoices

    at = timezone.now()
    issue_invoices.start(period=OCTOBER, workers=1, at=at)
    numbers = [number for (number,) in rows("SELECT number FROM invoices_invoice ORDER BY number LIMIT 3")]
    twin = os.environ["THAPSANG_TWIN_URL"]
    httpx.post(f"{twin}/tax/behaviour", data={"reject": ",".join(map(str, numbers))}).raise_for_status()
    for minutes in (0, 5, 15, 60):
        hand_over_invoices.hand_over(at=at + timedelta(minutes=minutes), period=OCTOBER)
    httpx.post(f"{twin}/tax/behaviour", data={"reject": ""}).raise_for_status()
    [(code,)] = rows("SELECT look_up_code FROM invoices_invoice ORDER BY number DESC LIMIT 1")
    return {
        "invoices": "/console/invoices/", "invoices-month": "/console/invoices/2026-10/",
        "invoices-rejected": "/console/invoices/rejected/",
        "invoices-day": f"/console/invoices/days/{timezone.localdate(at)}/", "look-up-code": code,
    }  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fill()) + "\n")
