"""The demonstration's relief desk: the distributor's programmes as drafts, once, and nothing granted by them."""

from __future__ import annotations

import pytest

from tests.factories import reliefs as factory
from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.queries.books import folder
from thapsang.journeys.draft_programmes import draft_all
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db


def test_all_are_drafted_once_and_the_invented_one_says_so() -> None:
    texts = [path.read_text(encoding="utf-8") for path in folder().glob("*.yaml")]
    files = [text for text in texts if "kind: programme" in text]
    assert draft_all(actor="demo", at=factory.AT) == len(files) + 1
    rows = queries.programmes()
    assert {row.status for row in rows} == {"draft"} and len(rows) == len(files) + 1
    assert {f"covid-{n}" for n in range(1, 6)} <= {row.code for row in rows}
    [example] = [row for row in rows if row.code == "minh-hoa"]
    assert "Minh họa" in example.name_vi and "invented" in queries.text_of(programme_id=example.id)[1]
    with transaction():
        operations.review(programme_id=example.id, actor="hoadon", at=factory.AT)
    assert draft_all(actor="demo", at=factory.AT) == 0
    assert len(queries.programmes()) == len(rows)
