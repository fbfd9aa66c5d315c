"""Settings of the site, from the environment: docs/settings.md has the table.

Without any, the site runs for one machine: it answers to localhost only, keeps SQLite and its secret in a folder of its
own, and prints e-mails. SITE_PRODUCTION=1 asks for the secret and the host names, and for HTTPS.
"""

import math
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def _number(name: str, default: float, most: float = sys.float_info.max) -> float:
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        limit = "0 or more" if most == sys.float_info.max else f"0 to {most:g}"
        raise ImproperlyConfigured(f"{name} must be a number, {limit}, not {text!r}.")
    return value


def _secret(file: Path) -> str:
    """Return this machine's own secret, made on the first start and readable to its owner only."""
    if not file.exists():
        # Two processes may start at once: the file appears whole, and the second takes the first's.
        new = file.with_name(f".{file.name}.{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text(secrets.token_urlsafe(50), encoding="ascii")
        try:
            os.link(new, file)
        except FileExistsError:
            pass
        finally:
            new.unlink()
    return file.read_text(encoding="ascii")


def _for_owner_only(file: Path) -> None:
    """Make a file readable to its owner only, and make it if it is not there; SQLite gives its others the same mode."""
    file.touch(mode=0o600)
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)


PRODUCTION = os.environ.get("SITE_PRODUCTION", "") not in ("", "0")
DATA_DIR = Path(os.environ.get("SITE_DATA") or BASE_DIR.parent / ".local").resolve()
DATABASE_URL = os.environ.get("DATABASE_URL", "")
REDIS_URL = os.environ.get("REDIS_URL", "")

if PRODUCTION:
    SECRET_KEY = os.environ.get("SITE_SECRET_KEY", "")
    ALLOWED_HOSTS = os.environ.get("SITE_HOSTS", "").replace(",", " ").split()
    if len(SECRET_KEY) < 50:
        raise ImproperlyConfigured(
            "SITE_PRODUCTION needs SITE_SECRET_KEY, 50 random characters or more: "
            "python -c 'import secrets; print(secrets.token_urlsafe(50))' makes one."
        )
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("SITE_PRODUCTION needs SITE_HOSTS, the site's host names, with a space between.")
else:
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    SECRET_KEY = os.environ.get("SITE_SECRET_KEY") or _secret(DATA_DIR / "secret")
    ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

# Errors are logged, and never shown.
DEBUG = False

INSTALLED_APPS = [
    "songs",
    "accounts",
    "bootstrap",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "genre_site.static.StaticFilesConfig",
]

MIDDLEWARE = [
    "genre_site.logs.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "genre_site.middleware.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "genre_site.methods.MethodPage",
    "genre_site.middleware.UploadLimit",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "genre_site.local_time.LocalTime",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "genre_site.urls"
WSGI_APPLICATION = "genre_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

FORM_RENDERER = "genre_site.bootstrap.BootstrapRenderer"

# The service.
GENRE_SERVICE_URL = os.environ.get("GENRE_SERVICE_URL", "http://127.0.0.1:3000").rstrip("/")
# Of 30 seconds, of a song; 0 for all of it.
EXCERPTS = int(_number("SITE_EXCERPTS", 0, most=100))
MAX_UPLOAD_BYTES = int(_number("SITE_MAX_UPLOAD_MB", 50) * 1_000_000)
VISITOR_SONGS_AN_HOUR = int(_number("SITE_VISITOR_SONGS_AN_HOUR", 60))
USER_SONGS_AN_HOUR = int(_number("SITE_USER_SONGS_AN_HOUR", 600))
# 0 keeps history for ever.
RETENTION_DAYS = int(_number("SITE_RETENTION_DAYS", 0))

# Threads of the server, and how many of them may wait for the service at once: the others answer pages and probes. Each
# may have a connection to the database.
THREADS, SERVICE_THREADS = 72, 56

# Data.
if DATABASE_URL:
    DATABASES: dict[str, Any] = {"default": dict(dj_database_url.parse(DATABASE_URL, conn_max_age=60))}
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
else:
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    _database = DATA_DIR / "site.sqlite3"
    _for_owner_only(_database)
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _database,
            "OPTIONS": {
                # Readers do not wait for a writer; a transaction that will write says so at its start, and so waits
                # instead of failing.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"serializer": "genre_site.serializer.JsonSerializer"},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Accounts.
SESSION_ENGINE = "accounts.sessions"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "accounts.backends.EmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
PASSWORD_RESET_TIMEOUT = 3600

# E-mail: smtp://user:password@host:port, or smtps:// for TLS from the start.
DEFAULT_FROM_EMAIL = os.environ.get("SITE_EMAIL_FROM", "webmaster@localhost")
if email := os.environ.get("SITE_EMAIL_URL", ""):
    _mail = urlsplit(email)
    if _mail.scheme not in ("smtp", "smtps") or not _mail.hostname:
        raise ImproperlyConfigured("SITE_EMAIL_URL must be smtp://user:password@host:port, or smtps://...")
    EMAIL_HOST, EMAIL_PORT = _mail.hostname, _mail.port or (465 if _mail.scheme == "smtps" else 587)
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
    EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.scheme == "smtps", _mail.scheme == "smtp" and bool(_mail.username)
    EMAIL_TIMEOUT = 20
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

# Security. How many proxies of ours stand before the site, whose X-Forwarded headers are believed.
PROXIES = int(_number("SITE_PROXIES", 0))
if PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = PRODUCTION
# Probes come from inside, by plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "genre_site.errors.csrf_failure"
# A file of more than 2.5 MB goes to the disk while it arrives, without a name; the fields beside it are small.
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "genre_site.uploads.UnnamedFileUploadHandler",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000

# Static files.
STATIC_URL = "static/"
# Files whose address is not ours to choose: favicon.ico, robots.txt.
WHITENOISE_ROOT = BASE_DIR / "root"
STATIC_ROOT = Path(os.environ.get("SITE_STATIC") or DATA_DIR / "static")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "genre_site.static.StaticFilesStorage"},
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "genre_site.logs.JsonLines"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # Without Django's own handlers, which would say everything twice or by e-mail.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # The request's own line says it, too.
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
    },
}
