"""
The settings of the Django site. What ../../node/settings.ts must say as well is marked "both".
"""

import os
from pathlib import Path
from urllib.parse import unquote

BASE_DIR = Path(__file__).resolve().parent

# Both: it signs sessions, the messages' cookie and what binds a session to a password.
SECRET_KEY = os.environ["SECRET_KEY"]

# Both: one database. Seconds that one writer waits for another, since Node writes to the same file.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": unquote(os.environ["DATABASE_URL"].removeprefix("sqlite:")),
        "OPTIONS": {"timeout": 20},
    }
}

# Both: where sessions are kept. "db", "cached_db", "cache" or "signed_cookies".
SESSION_ENGINE = "django.contrib.sessions.backends." + os.environ.get("SESSION_ENGINE", "db")


def cache(url):
    scheme, _, servers = url.partition("://")
    if scheme == "memcached":
        return {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": servers.split(",")}
    # From Django 4.0.
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}


# Both, for the engines "cached_db" and "cache".
if os.environ.get("CACHE_URL"):
    CACHES = {"default": cache(os.environ["CACHE_URL"])}

# Both: the cookies' names and reach. These are the defaults of either side but for Secure, which Django never sets by itself.
SESSION_COOKIE_NAME = "sessionid"
SESSION_COOKIE_AGE = 1209600
SESSION_COOKIE_SECURE = False  # True on a real site, which has HTTPS
CSRF_COOKIE_NAME = "csrftoken"
CSRF_COOKIE_SECURE = False  # the same

# Both: whether the secret of forms is in the session rather than in a cookie.
CSRF_USE_SESSIONS = os.environ.get("CSRF_USE_SESSIONS", "") == "true"

# Both: how moments are written into SQLite and MySQL. The default of USE_TZ is not the same in every Django.
USE_TZ = True
TIME_ZONE = "UTC"

# Both: who may log in, and where.
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = os.environ.get("LOGIN_URL", "/login/")  # with a provider "/oidc/login", which is Node's
LOGIN_REDIRECT_URL = "/"

# Both: the hosts that are answered for, and the header by which the proxy says that a visitor came by HTTPS.
ALLOWED_HOSTS = [".localhost", "127.0.0.1"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Both, though not a setting here: PBKDF2's work. A login at Django hashes anew what was hashed with another number of iterations, and
# that ends the user's other sessions. So Node is told what this Django uses: 260000 is 3.2's, 1000000 is 5.2's. See ../../find-django.ts.

# From here on Django's own.
DEBUG = False
ROOT_URLCONF = "guestbook.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"

INSTALLED_APPS = [
    "guestbook",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

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
                "guestbook.context.provider",
            ],
        },
    },
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"django.server": {"level": "ERROR"}},
}
