"""Policy files: read strictly, each value with its legal basis and its doubt.

What the tariff and the relief engines share; it knows nothing of prices or reliefs.
"""

from thapsang.engines.policies.basis import (
    CONFIDENCES,
    Doubt,
    Reference,
    References,
    Words,
    read_doubts,
    words,
)
from thapsang.engines.policies.errors import PolicyError
from thapsang.engines.policies.fields import Field
from thapsang.engines.policies.files import Content, fingerprint, read_folder, read_text

__all__ = [
    "CONFIDENCES",
    "Content",
    "Doubt",
    "Field",
    "PolicyError",
    "Reference",
    "References",
    "Words",
    "fingerprint",
    "read_doubts",
    "read_folder",
    "read_text",
    "words",
]
