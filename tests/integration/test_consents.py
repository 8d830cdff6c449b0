"""What a customer allows on the portal: asked plainly, never ticked beforehand, proven, taken back at once."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.test import Client
from django.utils import timezone

from tests.factories.customers import Supplied, make_place, make_supplied
from thapsang.domain.customers import operations
from thapsang.domain.customers.models import Consent, ContactPoint
from thapsang.domain.customers.queries import ConsentTextError, consent_texts, consented_phones
from thapsang.domain.customers.queries.consenting import _read
from thapsang.journeys import give_consent
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.people import customer_user

PHONE, OTHER = "+84912345678", "+84912345679"
PAGE = "/account/consents/"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two() -> list[Supplied]:
    """Two customers behind one phone, and a stranger."""
    place = make_place()
    return [make_supplied(place, serial=n, phone=phone) for n, phone in ((1, PHONE), (2, PHONE), (3, OTHER))]


@pytest.fixture
def client(two: list[Supplied]) -> Client:
    made = Client(enforce_csrf_checks=False)
    made.force_login(customer_user(phone=PHONE), backend="django.contrib.auth.backends.ModelBackend")
    return made


def answer(client: Client, **changes: str) -> int:
    shown = re.search(r'name="shown" value="([0-9a-f]{64})"', client.get(PAGE).content.decode())
    data = {"purpose": "messages", "answer": "agree", "agree": "yes", "shown": shown[1] if shown else ""}
    return client.post(PAGE, {k: v for k, v in (data | changes).items() if v}).status_code


def test_nothing_is_ticked_and_nothing_is_agreed_beforehand(client: Client) -> None:
    page = client.get(PAGE).content.decode()
    box = re.search(r"<input type=\"checkbox\"[^>]*>", page)
    assert box and "checked" not in box[0]
    assert "91/2025/QH15" in page and Consent.objects.count() == 0
    assert 'href="/account/consents/"' in client.get("/account/").content.decode()


def test_agreeing_keeps_the_proof_and_not_the_session(client: Client, two: list[Supplied]) -> None:
    assert answer(client) == 302
    rows = list(Consent.objects.order_by("customer_id"))
    assert [row.customer_id for row in rows] == [two[0].customer_id, two[1].customer_id]
    [text] = [one for one in consent_texts(language="vi") if one.purpose == "messages"]
    for row in rows:
        assert (row.purpose, row.text_version, row.withdrawn_at) == ("messages", text.version, None)
        assert row.evidence["text_sha256"] == text.sha256 and row.evidence["channel"] == "portal"
        assert datetime.fromisoformat(row.evidence["time"]) == row.granted_at
        session = client.session.session_key or ""
        assert len(row.evidence["session"]) == 64 and session not in str(row.evidence)
    assert "Quý khách đã đồng ý" in client.get(PAGE).content.decode()
    assert answer(client, shown=text.sha256) == 302 and Consent.objects.count() == 2


def test_without_the_tick_nothing_is_agreed(client: Client) -> None:
    assert answer(client, agree="") == 422
    assert Consent.objects.count() == 0


@pytest.mark.parametrize("changes", [{"shown": "0" * 64}, {"purpose": "advertising"}])
def test_another_text_or_purpose_is_not_agreed_to(client: Client, changes: dict[str, str]) -> None:
    assert answer(client, **changes) == 422
    assert Consent.objects.count() == 0


def test_taking_back_holds_at_once_and_the_record_stays(client: Client, two: list[Supplied]) -> None:
    ids = [one.customer_id for one in two]
    with transaction():
        for one in two[2:]:
            operations.grant_consent(
                customer_id=one.customer_id, purpose="messages", text_version="1", evidence={"how": "test"},
                at=timezone.now(),
            )  # fmt: skip
    ContactPoint.objects.update(verified_at=timezone.now())
    answer(client)
    assert consented_phones(customer_ids=ids, purpose="messages") == {
        ids[0]: PHONE, ids[1]: PHONE, ids[2]: OTHER,
    }  # fmt: skip
    assert answer(client, answer="withdraw") == 302
    assert consented_phones(customer_ids=ids, purpose="messages") == {ids[2]: OTHER}
    assert Consent.objects.exclude(withdrawn_at=None).count() == 2
    assert "Lưu lựa chọn" in client.get(PAGE).content.decode()


def test_strangers_see_the_door(two: list[Supplied]) -> None:
    assert Client().get(PAGE).status_code in (302, 403)


def test_a_new_version_asks_again_and_ends_the_old_consent(
    client: Client, tmp_path: Path, settings: object
) -> None:
    answer(client)
    source = Path(settings.POLICIES) / "nghe-an" / "templates" / "consents.yaml"  # type: ignore[attr-defined]
    content = yaml.safe_load(source.read_text(encoding="utf-8"))
    content["purposes"]["messages"]["version"] = "2027-01-01"
    folder = tmp_path / "nghe-an" / "templates"
    folder.mkdir(parents=True)
    (folder / "consents.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    settings.POLICIES = tmp_path  # type: ignore[attr-defined]
    text = give_consent.text_of(purpose="messages", language="vi")
    ids = list(Consent.objects.values_list("customer_id", flat=True))
    give_consent.give(
        customer_ids=ids, purpose="messages", shown=text.sha256, language="vi", session="s", at=timezone.now()
    )
    now_given = Consent.objects.filter(withdrawn_at=None).values_list("text_version", flat=True)
    assert list(now_given) == ["2027-01-01"] * 2
    del content["purposes"]["messages"]["vi"]["agree"]
    (folder / "consents.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    _read.cache_clear()
    with pytest.raises(ConsentTextError, match="agree"):
        consent_texts(language="vi")
    _read.cache_clear()


def test_both_languages_say_the_same_things() -> None:
    vi, en = (consent_texts(language=language)[0] for language in ("vi", "en"))
    assert len(vi.paragraphs) == len(en.paragraphs) and vi.sha256 != en.sha256 and vi.version == en.version
    assert consent_texts(language="fr")[0] == vi
    assert settings.DISTRIBUTOR == "nghe-an"
