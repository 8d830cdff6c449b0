"""The web application as granian serves it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")
site = get_wsgi_application()

from thapsang.interfaces.api.hot import Confirmations  # noqa: E402 - its models want Django set up

application = Confirmations(site)
