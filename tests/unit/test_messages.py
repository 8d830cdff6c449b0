"""Every string that can be shown has English, with the same places to fill in; the compiled file is current."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("messages", ROOT / "tools" / "messages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_string_of_the_portal_has_english(messages):
    assert len(list(messages.collect())) > 200
    assert messages.missing() == []


def test_english_fills_the_same_places(messages):
    for message in messages.written():
        if message.id:
            wanted = set(re.findall(r"%\(\w+\)s", str(message.id)))
            assert set(re.findall(r"%\(\w+\)s", str(message.string))) == wanted, message.id


def test_the_compiled_catalogue_is_current(messages):
    assert messages.PO.with_suffix(".mo").read_bytes() == messages.compile_catalogue(), (
        "run tools/messages.py"
    )


def test_templates_speak_only_through_translate():
    """Vietnamese letters outside a translate tag would stay Vietnamese in English."""
    for path in (ROOT / "src/thapsang/interfaces/portal/templates").rglob("*.html"):
        text = re.sub(r"\{% (blocktranslate).*?\{% endblocktranslate %\}", "", path.read_text(), flags=re.S)
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", text, flags=re.S)
        text = text.replace("Tiếng Việt", "").replace("Thắp Sáng", "")
        left = re.findall(
            r"[^\s<>\"]*[ăâđêôơưĂÂĐÊÔƠƯạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ][^\s<>\"]*", text
        )
        assert left == [], f"{path.name}: {left}"
