"""The web application as granian serves it."""

from __future__ import annotations

import gc
import os
import threading

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from django.utils.translation import trans_real

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")
site = get_wsgi_application()

from thapsang.interfaces.api.hot import Confirmations  # noqa: E402 - its models want Django set up
from thapsang.interfaces.portal.hot import BillPages  # noqa: E402 - likewise

application = Confirmations(BillPages(site))


def _settle() -> None:
    """Load what the first page would load, and spare later ones from walking through it.

    A page draws dozens of sentences, each of which looks up the language: Django's own place for it asks first
    whether it is in a coroutine, and here everything is a thread (docs/adr/0015). What was loaded stays for good:
    the collector of garbage need not look through it again, which stops all pages for a tenth of a second.
    """
    get_resolver().url_patterns  # noqa: B018 - loads all views
    trans_real._active = threading.local()  # type: ignore[attr-defined]
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


_settle()
