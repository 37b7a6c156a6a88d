"""Settings of every way Handrail runs; the environment decides which.

`HANDRAIL_MODE` is `production` (the default: safe when forgotten), `local` (`manage.py up`) or
`test` (`manage.py check_all`). `config/checks.py` refuses to start production with unsafe values.
"""

from pathlib import Path

import environ

from config import checks

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

MODE = env("HANDRAIL_MODE", default="production")
IS_PRODUCTION, IS_LOCAL, IS_TEST = MODE == "production", MODE == "local", MODE == "test"
STATE_DIR = Path(env("HANDRAIL_STATE_DIR", default=str(BASE_DIR / ".local")))

DEBUG = env.bool("DEBUG", default=False)
INSECURE_KEY = "insecure-for-local-use-only-" + "x" * 40
SECRET_KEY = env("SECRET_KEY", default=INSECURE_KEY)
# Fernet keys of encrypted columns are derived from these salts; more than one allows rotation.
SALT_KEY = env.list("HANDRAIL_SALT_KEYS", default=["insecure-local-salt"])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if not IS_PRODUCTION else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
DEMO_ACCOUNTS = env.bool("HANDRAIL_DEMO_ACCOUNTS", default=IS_LOCAL or IS_TEST)

INSTALLED_APPS = [
    "core",
    "accounts",
    "people",
    "work",
    "privacy",
    "messaging",
    "programs",
    "therapy",
    "referrals",
    "admissions",
    "reports",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",  # widgets through our own template engine
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_htmx",
    "phonenumber_field",
    "encrypted_fields",
    "pgtrigger",
    "pghistory",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "core.middleware.private_responses",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.session_limits",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.second_factor_required",
    "accounts.middleware.current_facility",
    "django_htmx.middleware.HtmxMiddleware",
    "pghistory.middleware.HistoryMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.shell",
            ],
            "builtins": ["core.templatetags.hr"],
        },
    }
]

# --- PostgreSQL: the only memory -----------------------------------------------------------------
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres:///handrail")}
_web = env("HANDRAIL_PROCESS", default="") == "web"
DATABASES["default"] |= {
    "ATOMIC_REQUESTS": True,  # a page, its read event and its writes are one transaction
    "CONN_HEALTH_CHECKS": True,
    "CONN_MAX_AGE": 0 if _web else None,  # 0: the pool keeps them
    "OPTIONS": DATABASES["default"].get("OPTIONS", {})  # ?host=/folder of a private socket
    | {
        "options": "-c lock_timeout=3s -c statement_timeout=10s -c idle_in_transaction_session_timeout=15s"
        if _web
        else "-c lock_timeout=10s",
        **(
            {"pool": {"min_size": 1, "max_size": env.int("HANDRAIL_DB_POOL", default=8), "timeout": 5}} if _web else {}
        ),
    },
    "TEST": {"NAME": env("HANDRAIL_TEST_DB", default=None)},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis or Valkey: hints and nothing else -------------------------------------------------------
# redis://… over TCP, or redis+socket:///path?virtual_host=0 on one machine (Celery's spelling).
REDIS_URL = env("REDIS_URL", default="redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False  # a hint is worth nothing once started
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 100
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "health_check_interval": 15,
}
CELERY_BEAT_SCHEDULE = {
    # Beat knows only "every N seconds"; every wall-clock rule is ours and lives in rows.
    "deliver-due-messages": {
        "task": "messaging.tasks.deliver_due_messages",
        "schedule": 5.0,
        "options": {"expires": 60},
    },
    "follow-the-rules": {"task": "admissions.tasks.follow_the_rules", "schedule": 60.0, "options": {"expires": 60}},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "beat" / "schedule")

# Only throttling counters; no personal data. The database keeps everything that must survive.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "throttle_cache",
    }
}

# --- Who may come in -------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.Staff"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
RESERVED_USERNAMES = checks.DEMO_USERNAMES  # production refuses to start with such accounts, so nobody may choose one
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_IDLE_SECONDS = 15 * 60  # 45 CFR 164.312(a)(2)(iii); polling is no activity
SESSION_ABSOLUTE_SECONDS = 12 * 3600  # NIST SP 800-63B, AAL2
SESSION_COOKIE_AGE = SESSION_ABSOLUTE_SECONDS + 2 * 3600  # the middleware ends it; the rest is for a call still open
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "__Host-handrail" if IS_PRODUCTION else "handrail"
CSRF_COOKIE_NAME = "__Host-handrail-csrf" if IS_PRODUCTION else "handrail-csrf"
CSRF_COOKIE_HTTPONLY = False  # htmx reads it
CSRF_FAILURE_VIEW = "core.views.csrf_failure"
SECOND_FACTOR_REQUIRED = env.bool("HANDRAIL_SECOND_FACTOR", default=IS_PRODUCTION)
ACCOUNT_ADAPTER = "accounts.adapter.StaffAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Handrail"

# --- What may leave --------------------------------------------------------------------------------
EMAIL_HOST = env("EMAIL_HOST", default="127.0.0.1")
EMAIL_PORT = env.int("EMAIL_PORT", default=2525)
EMAIL_HOST_USER = env("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 10
LOCAL_MAIL = not IS_PRODUCTION and "EMAIL_HOST" not in env.ENVIRON  # `up` runs a mail server of its own
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="office@localhost")
# One call takes at most so long, and a lease outlasts four of them: no living worker meets its own reaper.
OUTGOING_CALL_SECONDS = env.int("HANDRAIL_TEST_CALL_SECONDS", default=15) if IS_TEST else 15
OUTGOING_LEASE_SECONDS = env.int("HANDRAIL_TEST_LEASE_SECONDS", default=100) if IS_TEST else 100
OUTGOING = env("HANDRAIL_OUTGOING", default="on")  # off: after a restore, nothing leaves until released
PUBLIC_URL = env("HANDRAIL_PUBLIC_URL", default="http://127.0.0.1:8000")

# Words of the emergency page that a clinical lead signs (docs/decisions/0009); empty keeps the plain default.
HANDRAIL_E1_SAY = env("HANDRAIL_E1_SAY", default="")
HANDRAIL_POISON_CONTROL = env("HANDRAIL_POISON_CONTROL", default="")

CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
PHONENUMBER_DEFAULT_REGION = "US"
PGHISTORY_APPEND_ONLY = True
PGHISTORY_DEFAULT_TRACKERS = None
PGTRIGGER_MIGRATIONS = True

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(STATE_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if IS_TEST
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Headers ---------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # none at all would make browsers hide the origin of our own forms
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=IS_PRODUCTION)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000 if IS_PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_PRODUCTION
SESSION_COOKIE_SECURE = env.bool("SESSION_COOKIE_SECURE", default=IS_PRODUCTION)
CSRF_COOKIE_SECURE = env.bool("CSRF_COOKIE_SECURE", default=IS_PRODUCTION)
if env.bool("HANDRAIL_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REDIRECT_EXEMPT = [r"^healthz"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

# --- Logs: what happened, never to whom --------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "core.logs.NoPersonalData", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
SILENCED_SYSTEM_CHECKS = ["account.W001"]

checks.refuse_unsafe(globals())
