"""Settings of the installation, read from the environment (see README.md, "Settings").

Everything has a default that works on one machine. Whatever must be kept from one start to the next lives in DATA_DIR.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from urllib.parse import urlsplit

import environ
import structlog

from community_ops.lib.compiled import folder_for_kernels

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

DATA_DIR = Path(env("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

# Numba keeps its compiled kernels beside the sources unless told otherwise; an installation may be read-only.
os.environ.setdefault("NUMBA_CACHE_DIR", str(folder_for_kernels(DATA_DIR / "numba")))


def _kept_secret() -> str:
    """The secret key made on the first start. O_EXCL lets exactly one of several first processes write it."""
    path = DATA_DIR / "secret-key"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        for _attempt in range(50):
            if text := path.read_text(encoding="ascii"):
                return text
            time.sleep(0.02)
        raise
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        key = secrets.token_urlsafe(64)
        handle.write(key)
    return key


def _running_services() -> dict[str, str]:
    """Where the embedded services listen, as written by `manage.py up`; empty when they do not run."""
    try:
        found = json.loads((DATA_DIR / "services.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


SECRET_KEY = env("SECRET_KEY", default="") or _kept_secret()
DEBUG = env.bool("DEBUG", default=False)
PUBLIC_URL = env("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
_public = urlsplit(PUBLIC_URL)
HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", _public.hostname or "localhost"])
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if HTTPS else []

OWN_APPS = ["community_ops", "accounts", "activity", "delivery", "groups", "members", "campaigns", "analytics"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "axes",
    *OWN_APPS,
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "accounts.middleware.remember_way_in",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "community_ops.urls"
WSGI_APPLICATION = "community_ops.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.console",
            ],
        },
    },
]

# Database. SQLite: the write lock is taken at the start of a transaction, so that two writers wait for each other
# instead of failing when a reader turns writer.
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'community.sqlite3'}")}
# Opening one takes SQLite as long as a small page does.
DATABASES["default"].update({"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True})
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # The cache is each connection's own, in KiB, and stays with it.
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA cache_size=-8192;",
        }
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Staff
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "campaigns:today"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "accounts.views.auth.locked_out"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_COOKIE_NAME = "language"
# Named here they come before the catalogues of other apps, which have words of their own for the same English.
LOCALE_PATHS = [BASE_DIR / app / "locale" for app in OWN_APPS]
TIME_ZONE = env("TIME_ZONE", default="Asia/Shanghai")
USE_I18N = True
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

# Files. Front-end packages come from node_modules; only the files named here are served, under the name on the left.
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "community_ops.lib.node_static.NodeFinder",
]
NODE_MODULES = BASE_DIR / "node_modules"
NODE_STATIC = {
    "vendor/tabler/tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "vendor/tabler/tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
    "vendor/echarts/echarts.min.js": "echarts/dist/echarts.min.js",
    "vendor/weui/weui.min.css": "weui/dist/style/weui.min.css",
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MAX_AGE = 31_536_000 if not DEBUG else 0
WHITENOISE_MANIFEST_STRICT = False
MEDIA_ROOT = DATA_DIR / "files"
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = None

# Forms and API
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api_auth.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api_auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["community_ops.lib.parsers.JSONBody"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "community_ops.lib.pagination.CursorPages",
    "EXCEPTION_HANDLER": "community_ops.lib.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "PAGE_SIZE": 100,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Community Ops API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    # One set of choices that several fields share has one name.
    "ENUM_NAME_OVERRIDES": {
        "IntervalEnum": "analytics.api.INTERVALS",
        "TierEnum": "groups.classes.models.Tier",
        "HealthStageEnum": "groups.models.HealthStage",
        "SeedStageEnum": "members.seeds.models.SeedStage",
        "MessageTypeEnum": "members.conduct.models.MessageType",
        "PieceKindEnum": "campaigns.content.models.PieceKind",
        "PieceStateEnum": "campaigns.content.models.PieceState",
        "PlaybookStateEnum": "campaigns.playbooks.models.PlaybookState",
    },
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "community_ops.lib.problems.describe_problems",
    ],
}

# Broker and background work. The broker carries ids only: what it loses is found again by the sweeps, see delivery.
REDIS_URL = env("REDIS_URL", default="") or _running_services().get("redis_url", "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 3000
CELERY_TASK_SOFT_TIME_LIMIT = 2940
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    # Without these two, what a killed worker held comes back only after minutes.
    "unacked_restore_throttle": 1,
    "unacked_restore_interval": 5,
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
}
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_BEAT_SCHEDULE = {
    # Every two seconds: a post is due within five. It expires, so that a broker that was full of ticks empties at once.
    "dispatch-due": {"task": "campaigns.dispatch_due", "schedule": 2.0, "options": {"expires": 10}},
    "fill-occurrences": {"task": "campaigns.fill_occurrences", "schedule": 5.0, "options": {"expires": 5}},
    "resume-imports": {"task": "members.resume_imports", "schedule": 10.0, "options": {"expires": 10}},
    "refresh-tiers": {"task": "members.refresh_tiers", "schedule": 300.0, "options": {"expires": 300}},
    "recompute-tiers": {"task": "members.recompute_tiers", "schedule": 86_400.0, "options": {"expires": 3600}},
    "promote-due": {"task": "members.promote_due", "schedule": 3600.0, "options": {"expires": 3600}},
    "resume-bulk": {"task": "groups.resume_bulk", "schedule": 10.0, "options": {"expires": 10}},
    "refresh-group-figures": {"task": "members.refresh_group_figures", "schedule": 600.0, "options": {"expires": 600}},
    "score-seeds": {"task": "members.score_seeds_due", "schedule": 60.0, "options": {"expires": 60}},
    "repost-rules": {"task": "members.repost_rules", "schedule": 60.0, "options": {"expires": 60}},
    "forget-messages": {"task": "members.forget_messages", "schedule": 60.0, "options": {"expires": 60}},
    "ask-for-reading": {"task": "members.ask_for_reading", "schedule": 3600.0, "options": {"expires": 3600}},
    "resume-dry-runs": {"task": "members.resume_dry_runs", "schedule": 10.0, "options": {"expires": 10}},
    "resume-cleanups": {"task": "members.resume_cleanups", "schedule": 30.0, "options": {"expires": 30}},
    # Every few seconds: the target of a question is a minute.
    "escalate-questions": {"task": "members.escalate_questions", "schedule": 5.0, "options": {"expires": 10}},
    "welcome-newcomers": {"task": "members.welcome_newcomers", "schedule": 60.0, "options": {"expires": 60}},
    "sweep-applications": {"task": "members.sweep_applications", "schedule": 600.0, "options": {"expires": 600}},
    "run-brainstorms": {"task": "campaigns.run_brainstorms", "schedule": 10.0, "options": {"expires": 10}},
    "run-playbooks": {"task": "campaigns.run_playbooks", "schedule": 60.0, "options": {"expires": 60}},
    "run-envelopes": {"task": "campaigns.run_envelopes", "schedule": 10.0, "options": {"expires": 10}},
    "check-ins-due": {"task": "campaigns.check_ins_due", "schedule": 60.0, "options": {"expires": 60}},
    "ask-for-moments": {"task": "campaigns.ask_for_moments", "schedule": 60.0, "options": {"expires": 60}},
    "run-activities": {"task": "campaigns.run_activities", "schedule": 30.0, "options": {"expires": 30}},
    "catch-up-group-stats": {"task": "analytics.catch_up_group_stats", "schedule": 600.0, "options": {"expires": 600}},
    # Judges once a night; every ten minutes it sees that it has, or goes on where it was killed.
    "walk-group-health": {"task": "analytics.walk_group_health", "schedule": 600.0, "options": {"expires": 600}},
    "send-digests": {"task": "analytics.send_digests", "schedule": 60.0, "options": {"expires": 60}},
    "refresh-index": {"task": "analytics.refresh_index", "schedule": 600.0, "options": {"expires": 600}},
    "apply-tag-rules": {"task": "members.apply_tag_rules", "schedule": 600.0, "options": {"expires": 600}},
    "count-segments": {"task": "members.count_segments", "schedule": 21_600.0, "options": {"expires": 3600}},
    "resume-exports": {"task": "members.resume_exports", "schedule": 60.0, "options": {"expires": 60}},
    "apply-retention": {"task": "members.apply_retention", "schedule": 86_400.0, "options": {"expires": 3600}},
    "sweep-pictures": {"task": "campaigns.sweep_pictures", "schedule": 86_400.0, "options": {"expires": 3600}},
    "forget-idempotent-requests": {
        "task": "accounts.forget_idempotent_requests",
        "schedule": 86_400.0,
        "options": {"expires": 3600},
    },
}

# E-mail: the weekly digest of staff. Nothing is sent while EMAIL_URL is empty. smtp://, smtp+tls:// or smtp+ssl://.
EMAIL_URL = env("EMAIL_URL", default="")
if EMAIL_URL:
    globals().update(env.email_url("EMAIL_URL"))
DEFAULT_FROM_EMAIL = env("EMAIL_FROM", default=f"community@{_public.hostname or 'localhost'}")
EMAIL_TIMEOUT = 15
EMAIL_USE_LOCALTIME = True

# Who may read /metrics from another machine; nobody while it is empty.
# Where a Dask scheduler listens (tcp://host:8786): its workers count reports of the index, which lies on storage that
# they share with this process.
DASK_SCHEDULER = env("DASK_SCHEDULER", default="")

METRICS_TOKEN = env("METRICS_TOKEN", default="")

# Outgoing calls may not reach private or loopback addresses unless the host is named here.
OUTBOUND_ALLOWED_HOSTS = env.list("OUTBOUND_ALLOWED_HOSTS", default=[])

# Where the robots of WeCom are called; ends in /cgi-bin/.
WECOM_API_BASE = env("WECOM_API_BASE", default="https://qyapi.weixin.qq.com/cgi-bin/").rstrip("/") + "/"

# Members who open their pages in WeChat are known by the OAuth of this official account; empty: they are not.
WECHAT_OA_APP_ID = env("WECHAT_OA_APP_ID", default="")
WECHAT_OA_SECRET = env("WECHAT_OA_SECRET", default="")
WECHAT_OA_AUTHORIZE_URL = env("WECHAT_OA_AUTHORIZE_URL", default="https://open.weixin.qq.com/connect/oauth2/authorize")
WECHAT_OA_API_BASE = env("WECHAT_OA_API_BASE", default="https://api.weixin.qq.com").rstrip("/")

# Security
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# Logs: one line an event, never a secret. The level of a single line is the reader's choice by LOG_LEVEL.
LOG_LEVEL = env("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "logger", "event"]),
            "foreign_pre_chain": [
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.format_exc_info,
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "waitress.queue": {"level": "ERROR"},
        "axes": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        # It would name the addresses of calls, and in that of a robot stands its key.
        "urllib3": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
