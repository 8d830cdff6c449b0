"""The customer register on a real PostgreSQL: operations, queries, search, what the database itself holds."""

from __future__ import annotations

import dataclasses
import threading
from datetime import date, timedelta

import psycopg
import pytest
from django.db import IntegrityError, connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.factories.customers import AT, Place, Supplied, make_place, make_supplied
from thapsang.domain.customers import bulk, operations, queries, types
from thapsang.kit.bulk.copy import bulk_connection, url
from thapsang.kit.db.transactions import TransactionRequiredError, transaction

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 23)
PHONE = "0912345678"


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def an(place: Place) -> Supplied:
    return make_supplied(place, phone=PHONE)


def test_a_customer_is_found_by_code_and_by_phone(an: Supplied) -> None:
    found = queries.find_customer(code=an.customer_code)
    assert found and (found.id, found.name, found.has_id_number) == (an.customer_id, "Nguyễn Văn An", False)
    assert queries.customers_by_phone(phone="+84 912 345 678") == [found]
    assert queries.customers_by_phone(phone="0912345679") == []
    assert queries.find_customer(code="PA13VH9999999") is None


def test_only_a_verified_or_primary_phone_counts(an: Supplied) -> None:
    with transaction():
        point = operations.add_contact_point(customer_id=an.customer_id, kind="phone", value="0987654321")
    assert queries.customers_by_phone(phone="0987654321") == []
    with transaction():
        operations.verify_contact_point(contact_point_id=point, at=AT)
    assert len(queries.customers_by_phone(phone="0987654321")) == 1


def test_a_new_primary_phone_replaces_the_old_and_nothing_is_doubled(an: Supplied) -> None:
    with transaction():
        for _ in range(2):
            operations.add_contact_point(
                customer_id=an.customer_id, kind="phone", value="0987654321", primary=True
            )
    points = queries.contact_points(customer_id=an.customer_id)
    assert [(p.value, p.is_primary) for p in points] == [("+84987654321", True), ("+84912345678", False)]
    assert points[0].masked == "•••• ••• 321"
    assert queries.phone_for_messages(customer_id=an.customer_id) == "+84987654321"


def test_personal_numbers_are_not_readable_in_the_tables(place: Place) -> None:
    supplied = make_supplied(place, phone=PHONE)
    with transaction():
        operations.create_customer(
            code="PA13VH0000777", kind="person", name="Lê Thị Bình", id_number="040084000999", at=AT,
            account_id=_account("x"),
        )  # fmt: skip
    with connection.cursor() as cursor:
        for table in ("customers_customer", "customers_contactpoint"):
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t")
            text = cursor.fetchone()[0]
            assert "912345678" not in text and "040084000999" not in text
            assert b"912345678".hex() not in text and b"040084000999".hex() not in text
    assert queries.search(text="040084000999")[0].matched_on == "id-number"
    assert supplied.customer_id


def _account(code: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_account (chart, code) VALUES ('131', %s) RETURNING id", [f"131:{code}"]
        )
        return int(cursor.fetchone()[0])


def test_writing_needs_a_transaction() -> None:
    connection.in_atomic_block, kept = False, connection.in_atomic_block
    try:
        with pytest.raises(TransactionRequiredError):
            operations.create_premises(address="x", commune_id=1)
    finally:
        connection.in_atomic_block = kept


def test_the_next_code_follows_the_last(an: Supplied) -> None:
    with transaction():
        assert operations.next_customer_code(unit="PA13VH") == "PA13VH0000002"
        assert operations.next_customer_code(unit="PA13DC") == "PA13DC0000001"
        with pytest.raises(types.InvalidValueError):
            operations.next_customer_code(unit="X")
        with pytest.raises(operations.CodeTakenError):
            operations.create_customer(code=an.customer_code, kind="person", name="A", account_id=1, at=AT)


def test_supply_points_show_the_terms_of_the_day(an: Supplied) -> None:
    with transaction():
        operations.change_terms(
            agreement_id=an.agreement_id,
            start=date(2026, 10, 15),
            household_quarters=12,
            reason="ba hộ dùng chung",
        )
    before, after = (
        queries.supply_points_of(customer_ids=[an.customer_id], on=day)[0]
        for day in (date(2026, 10, 14), date(2026, 10, 15))
    )
    assert (before.household_quarters, after.household_quarters) == (4, 12)
    assert dataclasses.replace(after, household_quarters=4) == before
    assert (before.code, before.commune, before.category) == (
        an.supply_point_code,
        "Phường Trường Vinh",
        "residential",
    )
    assert queries.supply_points(ids=[an.supply_point_id], on=TODAY) == [after]
    assert queries.find_supply_point(code=an.supply_point_code, on=TODAY) == after
    assert queries.supply_points_of(customer_ids=[an.customer_id], on=date(2019, 12, 31)) == []
    assert [t.end for t in queries.terms(agreement_id=an.agreement_id)] == [date(2026, 10, 15), None]


def test_terms_that_do_not_fit_are_refused(an: Supplied) -> None:
    with transaction():
        for start in (date(2019, 1, 1), date(2020, 1, 1)):
            with pytest.raises(operations.TermsError, match="not inside"):
                operations.change_terms(agreement_id=an.agreement_id, start=start, reason="")
        with pytest.raises(operations.TermsError, match="Unknown terms colour"):
            operations.change_terms(agreement_id=an.agreement_id, start=TODAY, reason="", colour="red")
        operations.change_terms(agreement_id=an.agreement_id, start=TODAY, reason="", voltage="6to22")
        with pytest.raises(operations.TermsError, match="already changes"):
            operations.change_terms(agreement_id=an.agreement_id, start=TODAY, reason="", voltage="6to22")
        with pytest.raises(operations.TermsError, match="later day"):
            operations.close_agreement(agreement_id=an.agreement_id, end=TODAY)
        operations.close_agreement(agreement_id=an.agreement_id, end=TODAY + timedelta(days=1))
        with pytest.raises(operations.TermsError, match="already closed"):
            operations.close_agreement(agreement_id=an.agreement_id, end=TODAY + timedelta(days=9))


def _open(an: Supplied, number: str, start: date) -> int:
    with transaction():
        return operations.open_agreement(
            number=number, customer_id=an.customer_id, supply_point_id=an.supply_point_id, start=start,
            category="residential",
        )  # fmt: skip


def test_a_point_has_one_agreement_a_day(an: Supplied) -> None:
    with pytest.raises(operations.AgreementOverlapError, match="Close the earlier"):
        _open(an, "HD-2", date(2026, 1, 1))
    with pytest.raises(operations.AgreementOverlapError):
        _open(an, "HD-2", date(2019, 1, 1))
    with transaction():
        operations.close_agreement(agreement_id=an.agreement_id, end=date(2026, 1, 1))
    second = _open(an, "HD-2", date(2026, 1, 1))
    assert queries.supply_points_of(customer_ids=[an.customer_id], on=TODAY)[0].agreement_id == second


def test_the_database_itself_refuses_overlapping_agreements(an: Supplied) -> None:
    sql = (
        'INSERT INTO customers_supplyagreement (number, customer_id, supply_point_id, start, "end") '
        "VALUES ('HD-9', %s, %s, '2025-01-01', '2025-02-01')"
    )
    with (
        pytest.raises(IntegrityError, match="agreement_no_overlap"),
        transaction(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, [an.customer_id, an.supply_point_id])


def test_consents_and_notes_keep_their_history(an: Supplied) -> None:
    with transaction():
        with pytest.raises(types.InvalidValueError, match="bằng chứng"):
            operations.grant_consent(
                customer_id=an.customer_id, purpose="sms", text_version="1", evidence={}, at=AT
            )
        operations.grant_consent(
            customer_id=an.customer_id, purpose="sms", text_version="1", evidence={"channel": "portal"}, at=AT
        )
        assert operations.withdraw_consent(customer_id=an.customer_id, purpose="sms", at=AT) == 1
        assert operations.withdraw_consent(customer_id=an.customer_id, purpose="sms", at=AT) == 0
        operations.add_note(
            customer_id=an.customer_id, text=" Gọi lại. ", author_id=1, author_name="Hà", at=AT
        )
        with pytest.raises(types.InvalidValueError):
            operations.add_note(customer_id=an.customer_id, text=" ", author_id=1, author_name="Hà", at=AT)
    assert queries.consents(customer_id=an.customer_id)[0].withdrawn_at == AT
    assert [(n.text, n.author_name) for n in queries.notes(customer_id=an.customer_id)] == [
        ("Gọi lại.", "Hà")
    ]


@pytest.fixture
def people(place: Place) -> list[Supplied]:
    names = [
        "Nguyễn Văn An",
        "Nguyễn Văn Ân",
        "Trần Thị Đào",
        "Công ty TNHH Dệt - May Sông Lam",
        "Lê An Văn Nguyên",
    ]
    return [
        make_supplied(place, serial=i, name=name, phone=f"09123456{i:02d}") for i, name in enumerate(names, 1)
    ]


def test_words_that_stand_in_every_address_are_not_looked_up_alone(an: Supplied) -> None:
    for text in ("số", "đường", "xóm", "khối", "ngõ nhà"):
        assert queries.search(text=text) == []


@pytest.mark.parametrize(
    ("text", "names", "matched"),
    [
        ("nguyen van a", ["Nguyễn Văn An", "Nguyễn Văn Ân"], "name"),
        ("Nguyễn Văn Ân", ["Nguyễn Văn Ân", "Nguyễn Văn An", "Lê An Văn Nguyên"], "name"),
        ("van nguyen an", ["Nguyễn Văn An", "Nguyễn Văn Ân", "Lê An Văn Nguyên"], "name"),
        ("TRAN THI DAO", ["Trần Thị Đào"], "name"),
        ("đào", ["Trần Thị Đào"], "name"),
        ("det may", ["Công ty TNHH Dệt - May Sông Lam"], "name"),
        ("0912345603", ["Trần Thị Đào"], "phone"),
        ("+84 912.345.603", ["Trần Thị Đào"], "phone"),
        ("PA13VH0000003", ["Trần Thị Đào"], "code"),
        ("pa13vh0000003001", ["Trần Thị Đào"], "supply-point"),
        ("khong co ai", [], ""),
        ("", [], ""),
        ("'; DROP TABLE x; --", [], ""),
        ("a & ! | :*", [], ""),
        ("%", [], ""),
    ],
)
def test_search(people: list[Supplied], text: str, names: list[str], matched: str) -> None:
    hits = queries.search(text=text)
    assert [hit.name for hit in hits if hit.matched_on != "address"] == names
    assert {hit.matched_on for hit in hits} <= {matched, "address"}


def test_names_that_hold_the_words_in_order_come_before_other_orders(place: Place) -> None:
    names = (
        "An Văn Thọ",
        "Hồ Thị Vân Anh",
        "Lê An Thị Văn",
        "Lê Văn An",
        "Lê Văn Ân",
        "Văn An Bình",
        "Võ Văn Anh",
    )
    for number, name in enumerate(reversed(names), start=1):
        make_supplied(place, serial=number, name=name)
    found = [hit.name for hit in queries.search(text="Văn An")]
    assert found[0] == "Văn An Bình"
    assert set(found[1:3]) == {"Lê Văn An", "Võ Văn Anh"}
    assert set(found[3:5]) == {"Lê Văn Ân", "Hồ Thị Vân Anh"}
    assert set(found[5:]) == {"An Văn Thọ", "Lê An Thị Văn"}
    assert found == [hit.name for hit in queries.search(text="Văn An")]


def test_a_hamlet_and_its_number_belong_together(place: Place) -> None:
    at = ("Nhà 5, xóm 12", "Nhà 12, xóm 5", "Nhà 7, xóm 5", "Số 5, ngõ 12, đường Ngô Quyền, khối 51")
    for number, address in enumerate(at):
        make_supplied(place, serial=number + 1, name=f"Chu {number}", address=address)
    for text, expected in (
        ("xom 5", ["Chu 1", "Chu 2"]),
        ("nhà 12 xóm 5", ["Chu 1"]),
        ("ngõ 12", ["Chu 3"]),
        ("so 5 ngo 12", ["Chu 3"]),
        ("khoi 5", []),
        ("ngo quyen", ["Chu 3"]),
    ):
        assert [hit.name for hit in queries.search(text=text)] == expected, text


def test_a_commune_alone_lists_who_lives_there(place: Place) -> None:
    hit = make_supplied(place, name="Phan Bá Cường", address="Số 7, khối 3")
    assert [h.customer_id for h in queries.search(text="phường Trường Vinh")] == [hit.customer_id]


def test_search_by_address_with_the_commune(place: Place) -> None:
    hit = make_supplied(place, name="Phan Bá Cường", address="Số 7, ngõ 12 đường Hồ Tùng Mậu")
    for text in (
        "ho tung mau",
        "7 ho tung mau",
        "hồ tùng mậu phường trường vinh",
        "ngo 12 ho tung mau truong vinh",
    ):
        found = queries.search(text=text)
        assert [(h.customer_id, h.matched_on) for h in found] == [(hit.customer_id, "address")], text
    assert (
        queries.search(text="ho tung mau")[0].address == "Số 7, ngõ 12 đường Hồ Tùng Mậu, Phường Trường Vinh"
    )


def test_a_code_prefix_lists_in_order(people: list[Supplied]) -> None:
    assert [hit.code for hit in queries.search(text="PA13VH", limit=3)] == [
        p.customer_code for p in people[:3]
    ]


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=40).filter(lambda text: "\x00" not in text))
def test_python_and_the_database_fold_alike(text: str) -> None:
    vietnamese = text + "Đặng Thùy Trâm, Ỷ lại – Ưỡn ẹo/Kỹ_thuật"
    with connection.cursor() as cursor:
        cursor.execute("SELECT thapsang_fold(%s)", [vietnamese])
        folded = cursor.fetchone()[0]
    assert types.fold_words(folded) == types.fold_words(vietnamese)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=40))
def test_search_never_fails_on_what_is_typed(text: str) -> None:
    queries.search(text=text)


@pytest.mark.django_db(transaction=True)
def test_billing_terms_clip_to_the_period() -> None:
    place = make_place()
    first = make_supplied(place, serial=1)
    moved = make_supplied(place, serial=2, start=date(2026, 10, 10), household_quarters=8)
    make_supplied(place, serial=3, start=date(2026, 11, 1))
    with transaction():
        operations.change_terms(
            agreement_id=first.agreement_id, start=date(2026, 10, 16), household_quarters=8, reason="thêm hộ"
        )
        operations.change_terms(
            agreement_id=first.agreement_id, start=date(2026, 12, 1), voltage="6to22", reason=""
        )
        operations.close_agreement(agreement_id=moved.agreement_id, end=date(2026, 10, 20))
    with bulk_connection() as link:
        rows = bulk.billing_terms(
            link, book_ids=[place.book_id], start=date(2026, 10, 1), end=date(2026, 11, 1)
        ).to_pylist()
        assert (
            bulk.billing_terms(link, book_ids=[], start=date(2026, 10, 1), end=date(2026, 11, 1)).num_rows
            == 0
        )
    assert [(r["point"], r["start"], r["end"], r["household_quarters"], r["voltage"]) for r in rows] == [
        (first.supply_point_id, date(2026, 10, 1), date(2026, 10, 16), 4, "lt6"),
        (first.supply_point_id, date(2026, 10, 16), date(2026, 11, 1), 8, "lt6"),
        (moved.supply_point_id, date(2026, 10, 10), date(2026, 10, 20), 8, "lt6"),
    ]
    assert {(r["customer_id"], r["agreement_id"], r["account_id"]) for r in rows} == {
        (s.customer_id, s.agreement_id, s.account_id) for s in (first, moved)
    }


@pytest.mark.django_db(transaction=True)
def test_two_clerks_at_once_cannot_overlap() -> None:
    an = make_supplied(make_place())
    with transaction():
        operations.close_agreement(agreement_id=an.agreement_id, end=date(2021, 1, 1))
    sql = (
        'INSERT INTO customers_supplyagreement (number, customer_id, supply_point_id, start, "end") '
        "VALUES (%s, %s, %s, '2025-01-01', '2025-02-01')"
    )
    outcomes: list[str] = []

    def second() -> None:
        with psycopg.connect(url(), autocommit=True) as link:
            try:
                link.execute(sql, ["HD-B", an.customer_id, an.supply_point_id])
                outcomes.append("in")
            except psycopg.errors.ExclusionViolation:
                outcomes.append("refused")

    with psycopg.connect(url()) as first:
        first.execute(sql, ["HD-A", an.customer_id, an.supply_point_id])
        rival = threading.Thread(target=second)
        rival.start()
        rival.join(0.5)
        assert rival.is_alive(), "the second waits for the first to commit"
        first.commit()
    rival.join(10)
    assert outcomes == ["refused"]
