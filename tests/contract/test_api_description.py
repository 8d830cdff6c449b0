"""Schemathesis over API v1: whatever is sent, the answer is one the description promises."""

from __future__ import annotations

import pytest
import schemathesis
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.factories.payments import make_debtor
from thapsang.interfaces.api.v1 import description
from thapsang.kit.identity import clients
from thapsang.kit.identity.clients import SCOPES

schema = schemathesis.openapi.from_dict(description())


@pytest.fixture
def bearer(transactional_db: None) -> str:
    make_debtor(100_000)
    client, secret = clients.add_client(name="contract", scopes=SCOPES, requests_per_minute=1_000_000)
    issued = clients.issue_token(client_id=client, secret=secret, scopes=(), at=timezone.now())
    assert issued
    return issued[0]


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_answers_are_as_described(case: schemathesis.Case, bearer: str, live_server) -> None:
    response = case.call(base_url=live_server.url, headers={"Authorization": f"Bearer {bearer}"})
    # What fits the description may still be refused for what it says (nobody owes, another client), and a
    # query nobody knows is passed over; wrong fields have tests of their own.
    case.validate_response(response, excluded_checks=[positive_data_acceptance, negative_data_rejection])
    assert response.status_code < 500
