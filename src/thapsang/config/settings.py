"""Settings: everything that differs between installations comes from the environment.

`THAPSANG_ENV` is `development` (the default: demonstration, tests) or `production`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from thapsang.kit.db.place import ROOT, database_url, django_database

ENV = os.environ.get("THAPSANG_ENV", "development")
if ENV not in {"development", "production"}:
    # A slip of the pen must not start a server that believes it is a demonstration.
    raise ImproperlyConfigured(f"THAPSANG_ENV is {ENV!r}: set it to production or to development.")
PRODUCTION = ENV == "production"
DEBUG = os.environ.get("THAPSANG_DEBUG") == "1" and not PRODUCTION

DEFAULT_SECRET = "only-for-development-and-demonstration"  # noqa: S105 - refused in production, below
SECRET_KEY = os.environ.get("THAPSANG_SECRET_KEY", DEFAULT_SECRET)
SECRET_KEY_FALLBACKS = [k for k in os.environ.get("THAPSANG_SECRET_KEY_FALLBACKS", "").split(",") if k]
DEFAULT_DATA_KEYS = "1:b25seS1mb3ItZGV2ZWxvcG1lbnQtYW5kLWRlbW8tISE="
DATA_KEYS = os.environ.get("THAPSANG_DATA_KEYS", DEFAULT_DATA_KEYS)
"""Keys of personal data at rest: `number:base64 of 32 bytes`, comma between, the last one encrypts."""
DEFAULT_INDEX_KEY = "b25seS1mb3ItZGV2ZWxvcG1lbnQtYmxpbmQtaW5kZXg="
INDEX_KEY = os.environ.get("THAPSANG_INDEX_KEY", DEFAULT_INDEX_KEY)
"""Key of the blind indexes (base64 of 32 bytes)."""

if PRODUCTION:
    for _name, _value, _default in (
        ("THAPSANG_SECRET_KEY", SECRET_KEY, DEFAULT_SECRET),
        ("THAPSANG_DATA_KEYS", DATA_KEYS, DEFAULT_DATA_KEYS),
        ("THAPSANG_INDEX_KEY", INDEX_KEY, DEFAULT_INDEX_KEY),
    ):
        if _value == _default or len(_value) < 32:
            raise ImproperlyConfigured(
                f"{_name} is missing or is the public default. Set it to a secret of your own before starting "
                "in production; `THAPSANG_ENV=development thapsang keys new` prints some."
            )
    if DEFAULT_DATA_KEYS.partition(":")[2] in DATA_KEYS or DEFAULT_SECRET in SECRET_KEY_FALLBACKS:
        raise ImproperlyConfigured(
            "The public default stands among THAPSANG_DATA_KEYS or THAPSANG_SECRET_KEY_FALLBACKS: take it out."
        )

ALLOWED_HOSTS = os.environ.get("THAPSANG_HOSTS", "" if PRODUCTION else "*").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("THAPSANG_ORIGINS", "").split(",") if o]
PUBLIC_URL = os.environ.get("THAPSANG_PUBLIC_URL", "http://127.0.0.1:8000")

DISTRIBUTOR = os.environ.get("THAPSANG_DISTRIBUTOR", "nghe-an")
"""Which folder under policies/ rules this installation."""
POLICIES = Path(os.environ.get("THAPSANG_POLICIES", ROOT / "policies"))
FILES = Path(os.environ.get("THAPSANG_FILES", ROOT / "var" / "files"))

PORTS = {
    "gateway": "thapsang.config.ports.gateway",
    "sms": "thapsang.config.ports.sms_sender",
    "seller-key": "thapsang.config.ports.seller_key",
    "tax-authority": "thapsang.config.ports.tax_authority",
    "bill-printer": "thapsang.config.ports.bill_printer",
    "email": "thapsang.config.ports.email_sender",
}
"""What makes the adapter of each port of the domain, when it is first used."""

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "thapsang.interfaces.console.admin_app.Config",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "procrastinate.contrib.django",
    "thapsang.kit.files",
    "thapsang.kit.events",
    "thapsang.kit.audit",
    "thapsang.kit.identity",
    "thapsang.domain.network",
    "thapsang.domain.ledger",
    "thapsang.domain.tariffs",
    "thapsang.domain.customers",
    "thapsang.domain.metering",
    "thapsang.domain.reliefs",
    "thapsang.domain.notifications",
    "thapsang.domain.billing",
    "thapsang.domain.invoices",
    "thapsang.domain.payments",
    "thapsang.interfaces.shared",
    "thapsang.interfaces.portal",
    "thapsang.interfaces.console",
    "thapsang.config.apps.Config",
]
if os.environ.get("THAPSANG_HELPER"):
    # A process that only helps with a long piece of work shows no page and queues no job: it starts sooner without.
    INSTALLED_APPS = [
        app
        for app in INSTALLED_APPS
        if not app.startswith(("unfold", "thapsang.interfaces", "whitenoise", "django_htmx", "procrastinate"))
    ]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "thapsang.interfaces.shared.machines.MachineRoutesMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "thapsang.interfaces.shared.content_policy.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "thapsang.interfaces.shared.language.ChosenLanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "thapsang.kit.identity.signed_in.SignedInMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "thapsang.interfaces.shared.middleware.AudienceMiddleware",
]

ROOT_URLCONF = "thapsang.config.urls"
WSGI_APPLICATION = "thapsang.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "thapsang.interfaces.shared.distributor.context",
            ],
        },
    }
]

DATABASES = {"default": django_database(database_url())}

AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "thapsang.kit.identity.backends.RoleBackend",
    "thapsang.kit.identity.backends.CustomerBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
MFA_ADAPTER = "thapsang.kit.identity.second_factor.Adapter"
TOTP_ISSUER = os.environ.get("THAPSANG_TOTP_ISSUER", "Thắp Sáng")
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("THAPSANG_PROXIES", "0"))
"""Reverse proxies of ours before the server: how many entries at the end of X-Forwarded-For to trust."""

LANGUAGE_CODE = "vi"
LANGUAGES = [("vi", "Tiếng Việt"), ("en", "English")]
LOCALE_PATHS = [Path(__file__).resolve().parents[1] / "interfaces" / "shared" / "locale"]
TIME_ZONE = "Asia/Ho_Chi_Minh"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = Path(os.environ.get("THAPSANG_STATIC", ROOT / "var" / "static"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": FILES}},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if os.environ.get("THAPSANG_MANIFEST") == "1" or PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_MAX_AGE = 3600 if PRODUCTION else 0

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
# In the database and nowhere else: a cache in each process would keep a session alive after its end elsewhere.
SESSION_ENGINE = "thapsang.kit.identity.sessions"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    SECURE_SSL_REDIRECT = os.environ.get("THAPSANG_SSL_REDIRECT", "1") == "1"
    SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
    }
}

UNFOLD = {
    "SITE_TITLE": "Dữ liệu gốc",
    "SITE_HEADER": "Dữ liệu gốc",
    "SITE_URL": "/console/",
    "SHOW_HISTORY": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {"primary": {"500": "#b06f00", "600": "#7a4b00", "700": "#5c3800"}},
    "SIDEBAR": {
        "navigation": [
            {
                "items": [
                    {"title": "Về bàn làm việc", "icon": "arrow_back", "link": "/console/"},
                    {"title": "Đội quản lý", "icon": "groups", "link": "/admin/network/areateam/"},
                    {"title": "Xã, phường", "icon": "map", "link": "/admin/network/commune/"},
                    {"title": "Sổ ghi chỉ số", "icon": "menu_book", "link": "/admin/network/readingbook/"},
                    {"title": "Bản biểu giá", "icon": "gavel", "link": "/admin/tariffs/policyversion/"},
                    {"title": "Đối tác API", "icon": "key", "link": "/admin/identity/apiclient/"},
                ]
            }
        ]
    },
}

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Counters that several processes must share (throttles) live in the database.
    "shared": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "shared_cache"},
}

# The payment gateway (VNPay 2.1.0) and the sender of short messages: the sandbox twins by default.
TWIN_URL = os.environ.get("THAPSANG_TWIN_URL", "http://127.0.0.1:8001")
VNPAY = {
    "url": os.environ.get("THAPSANG_VNPAY_URL", f"{TWIN_URL}/vnpay/pay"),
    "terminal": os.environ.get("THAPSANG_VNPAY_TERMINAL", "THAPSANG"),
    "secret": os.environ.get("THAPSANG_VNPAY_SECRET", DEFAULT_SECRET),
    "return_url": f"{PUBLIC_URL}/hooks/vnpay/return",
}
SMS = {
    "url": os.environ.get("THAPSANG_SMS_URL", f"{TWIN_URL}/sms"),
    "token": os.environ.get("THAPSANG_SMS_TOKEN", DEFAULT_SECRET),
}
# The mail server e-mails go out by: the sandbox twin's by default.
EMAIL: dict[str, Any] = {
    "host": os.environ.get("THAPSANG_EMAIL_HOST", "127.0.0.1"),
    "port": int(os.environ.get("THAPSANG_EMAIL_PORT", str((urlsplit(TWIN_URL).port or 8001) + 1_000))),
    "user": os.environ.get("THAPSANG_EMAIL_USER", ""),
    "password_file": os.environ.get("THAPSANG_EMAIL_PASSWORD_FILE", ""),
    "security": os.environ.get("THAPSANG_EMAIL_SECURITY", "tls" if PRODUCTION else "none"),
    "sender": os.environ.get("THAPSANG_EMAIL_SENDER", "hoa-don@thapsang.invalid"),
    "domain": os.environ.get("THAPSANG_EMAIL_SENDER", "hoa-don@thapsang.invalid").rpartition("@")[2],
}
"""`security`: none, starttls or tls; `sender`: the address mails come from, and where returned ones go."""
# The key that signs e-invoices: a .p12 file, or a PKCS#11 token's module; an invented one by default.
INVOICE_KEY = {
    "file": os.environ.get("THAPSANG_INVOICE_KEY", ""),
    "password_file": os.environ.get("THAPSANG_INVOICE_KEY_PASSWORD_FILE", ""),
    "token": os.environ.get("THAPSANG_INVOICE_TOKEN", ""),
    "token_label": os.environ.get("THAPSANG_INVOICE_TOKEN_LABEL", ""),
    "token_key": os.environ.get("THAPSANG_INVOICE_TOKEN_KEY", ""),
    "pin_file": os.environ.get("THAPSANG_INVOICE_PIN_FILE", ""),
}
# The tax authority's service that invoices are handed over to: the sandbox twin by default.
TAX_AUTHORITY = {
    "url": os.environ.get("THAPSANG_TAX_URL", f"{TWIN_URL}/tax"),
    "token": os.environ.get("THAPSANG_TAX_TOKEN", DEFAULT_SECRET),
}
if PRODUCTION and DEFAULT_SECRET in (VNPAY["secret"], SMS["token"]):
    raise ImproperlyConfigured(
        "THAPSANG_VNPAY_SECRET or THAPSANG_SMS_TOKEN is the public default: set the provider's own secret."
    )
if PRODUCTION and TAX_AUTHORITY["token"] == DEFAULT_SECRET:
    TAX_AUTHORITY["token"] = ""  # An installation that hands nothing over yet starts, and is refused there.

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": os.environ.get("THAPSANG_LOG", "WARNING")},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS: list[str] = []
