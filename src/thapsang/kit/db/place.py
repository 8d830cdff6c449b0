"""Where the database is: `DATABASE_URL`, or the embedded server's folder and socket.

The embedded server's address is derived from the checkout's own path, so two checkouts
never meet, and every command of one checkout finds the same server.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[4]
"""The checkout's root (the folder of pyproject.toml)."""

DATABASE_NAME = "thapsang"
_NO_ADDRESS = (
    "DATABASE_URL is no address of a PostgreSQL server: write it as "
    "postgresql://user:password@host:port/database, with a password's signs percent-encoded."
)


@dataclass(frozen=True)
class Place:
    """The files of one embedded server: its data, its socket and the binaries it runs from."""

    data: Path
    socket: Path

    @property
    def url(self) -> str:
        """A libpq address of the embedded database."""
        return f"postgresql://postgres@/{DATABASE_NAME}?host={self.socket}"


def embedded_place(*, key: str | None = None) -> Place:
    """Return the embedded server's place for this checkout.

    As root the server runs under a user of its own, who must reach the folder, so the data
    lies under /var/lib; for an ordinary user it lies in the checkout's `var/`.
    `key` (or THAPSANG_DB_KEY) names a second server of the same checkout, as tests need.
    """
    key = key or os.environ.get("THAPSANG_DB_KEY", "main")
    digest = hashlib.sha256(f"{ROOT}:{key}".encode()).hexdigest()[:12]
    user = os.geteuid()
    base = ROOT / "var" / key if user else Path("/var/lib/thapsang") / digest
    # A socket's path may have 107 bytes at most, so it lives in the short temporary folder, one for each user.
    name = f"thapsang-{digest}-{user}" if user else f"thapsang-{digest}"
    return Place(data=base / "pg18", socket=Path(tempfile.gettempdir()) / name)


def database_url() -> str:
    """Return DATABASE_URL, or the embedded server's address."""
    return os.environ.get("DATABASE_URL") or embedded_place().url


def is_embedded() -> bool:
    """Tell whether the embedded server is used (no DATABASE_URL is set)."""
    return not os.environ.get("DATABASE_URL")


def django_database(url: str) -> dict[str, object]:
    """Translate a libpq address into Django's settings for one database. Raises ImproperlyConfigured."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text would quote a piece of what may be the password
        raise ImproperlyConfigured(_NO_ADDRESS) from None
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(_NO_ADDRESS)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "thapsang.kit.db.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or DATABASE_NAME,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or parts.hostname or "",
        "PORT": str(port or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


def libpq_url(settings: dict[str, object]) -> str:
    """Translate Django's settings for one database back into a libpq address (for ADBC and psql)."""
    user = quote(str(settings.get("USER") or "postgres"), safe="")
    password = f":{quote(str(settings['PASSWORD']), safe='')}" if settings.get("PASSWORD") else ""
    host, port = str(settings.get("HOST") or ""), str(settings.get("PORT") or "")
    options = settings.get("OPTIONS") or {}
    assert isinstance(options, dict)
    query = {k: v for k, v in options.items() if isinstance(v, str)}
    where = ""
    if host.startswith("/"):
        query["host"] = host
    else:
        where = host + (f":{port}" if port else "")
    tail = "?" + "&".join(f"{k}={quote(v, safe='/')}" for k, v in query.items()) if query else ""
    return f"postgresql://{user}{password}@{where}/{quote(str(settings['NAME']))}{tail}"
