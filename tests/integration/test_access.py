"""Every route × every party: who gets in, who is sent to which door, who is refused."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from tests.factories.staff import make_staff, signed_in
from thapsang.interfaces.shared.middleware import SELF_CHECKING, AudienceMiddleware, audiences_of
from thapsang.kit.identity.access import STAFF, Audience
from thapsang.kit.identity.models import User

SAMPLES = {"int": "1", "slug": "vnpay", "str": "x", "path": "1", "uuid": "0" * 32}
REFUSED, MISSING = 403, 404


@dataclass(frozen=True)
class Route:
    address: str
    view: Callable[..., Any]
    namespaces: tuple[str, ...]

    @property
    def audiences(self) -> frozenset[Audience]:
        return audiences_of(self.view, list(self.namespaces))


def walk(resolver: URLResolver, before: str = "/", spaces: tuple[str, ...] = ()) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        piece = before + sample(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            inner = (*spaces, pattern.namespace) if pattern.namespace else spaces
            yield from walk(pattern, piece, inner)
        elif isinstance(pattern, URLPattern):
            yield Route(piece, pattern.callback, spaces)


def sample(pattern: str) -> str:
    """Return an address part that a pattern matches."""
    pattern = re.sub(r"<(?:(\w+):)?\w+>", lambda found: SAMPLES[found[1] or "str"], pattern)
    pattern = re.sub(r"\(\?P<\w+>([\w|.*\\^$+-]+)\)", lambda found: found[1].split("|")[0], pattern)
    return pattern.replace("^", "").replace("$", "").replace(".*", "nowhere/").replace("\\", "")


ROUTES = list(walk(get_resolver()))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of refusals are meant: no traceback of each."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_the_walk_finds_the_whole_site() -> None:
    spaces = {route.namespaces[0] for route in ROUTES if route.namespaces}
    assert {"portal", "console", "api", "hooks", "admin"} <= spaces
    assert len(ROUTES) > 60


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.address)
def test_every_route_declares_its_audience(route: Route) -> None:
    assert route.audiences


def test_a_route_without_a_mark_is_refused() -> None:
    def forgotten(request: HttpRequest) -> HttpResponse:
        return HttpResponse("open to all")

    request = RequestFactory().get("/forgotten/")
    request.resolver_match = None  # type: ignore[assignment]
    with pytest.raises(ImproperlyConfigured, match=r"forgotten does not declare"):
        AudienceMiddleware(forgotten).process_view(request, forgotten, [], {})


@pytest.fixture
def people(db: None, settings: Any) -> dict[str, User]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # eight people, no sign-in
    made = {role.value: make_staff(role) for role in sorted(STAFF)}
    made["customer"] = User.objects.create(username="customer", phone_verified=True)
    made["no second factor"] = make_staff(*STAFF, username="everything")
    made["locked out"] = make_staff(*STAFF, username="gone")
    User.objects.filter(username="gone").update(is_active=False)
    return made


@pytest.mark.parametrize("method", ["get", "post"])
def test_all_routes_by_all_parties(people: dict[str, User], method: str) -> None:
    wrong: list[str] = []
    for who, user in {"nobody": None, **people}.items():
        browser = Client(raise_request_exception=False)  # one a party: making one reads all static files
        for route in ROUTES:
            signed_in(user, proved=who != "no second factor", client=browser)
            problem = judge(route, who, browser, method)
            if problem:
                wrong.append(f"{method} {route.address} as {who}: {problem}")
    assert "\n".join(wrong) == ""


def judge(route: Route, who: str, browser: Client, method: str) -> str:
    """Return what is wrong with the answer, or nothing."""
    answer = getattr(browser, method)(route.address)
    door = answer.headers.get("Location", "") if answer.status_code in {301, 302} else ""
    sent_away = door.startswith(("/console/sign-in/", "/sign-in/")) and "next=" in door
    if answer.status_code >= 500:
        return f"answered {answer.status_code}"
    if route.audiences & SELF_CHECKING:
        return self_checked(route, answer.status_code)
    if who in {"nobody", "no second factor", "locked out"}:
        right = "/console/sign-in/" if route.audiences & STAFF else "/sign-in/"
        sent = answer.status_code == 302 and door.startswith(right)
        return "" if sent else f"not sent to {right}: {answer.status_code} {door}"
    if Audience(who) in route.audiences and "admin" in route.namespaces:
        return f"sent away: {door}" if sent_away else ""  # a page may refuse more than its door does
    if Audience(who) in route.audiences:
        return f"{answer.status_code} {door}" if answer.status_code == REFUSED or sent_away else ""
    return "" if answer.status_code == REFUSED else f"let in: {answer.status_code} {door}"


def self_checked(route: Route, status: int) -> str:
    """API routes ask for their token; public ones answer in some way other than refusing."""
    if Audience.API_CLIENT in route.audiences and Audience.PUBLIC not in route.audiences:
        return "" if status in {400, 401, 404, 405, 415, 422} else f"{status} without a token"
    return f"refused with {status}" if status == REFUSED and "admin" not in route.namespaces else ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/pay/%00/", "/pay/x/?a=%00", "/receipts/%00/", "/console/exceptions/?q=%00"]
)
def test_a_nul_in_an_address_or_a_form_is_no_fault_of_ours(address: str) -> None:
    browser = signed_in(make_staff(Audience.BILLING))
    assert Client().get(address).status_code == browser.get(address).status_code == 400
    assert browser.post("/console/exceptions/1/resolve/", {"reason": "a\0"}).status_code == 400


@pytest.mark.django_db
def test_the_content_policy_stands_on_every_answer_and_allows_nothing_inline() -> None:
    everything, browser = make_staff(*STAFF, username="all"), Client(raise_request_exception=False)
    for route in ROUTES:
        signed_in(everything if route.audiences & STAFF else None, client=browser)
        policy = browser.get(route.address).headers.get("Content-Security-Policy", "")
        assert "unsafe-inline" not in policy, route.address
        assert "script-src 'self'" in policy, route.address
        assert "frame-ancestors 'none'" in policy and "object-src 'none'" in policy, route.address
        assert "unsafe-eval" not in policy or "admin" in route.namespaces, route.address
