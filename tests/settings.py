"""The product's settings with what makes tests quick; used by pytest and by the processes that tests start."""

from __future__ import annotations

import os

from community_ops.settings import *  # noqa: F403
from community_ops.settings import DATA_DIR, DATABASES, STORAGES

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, so that a worker process sees the rows of a test.
    DATABASES["default"].setdefault("TEST", {})["NAME"] = str(DATA_DIR / "test.sqlite3")
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# A web server process serves static files from where they are; in a test's own process nobody asks for them.
WHITENOISE_USE_FINDERS = "TESTS_SERVE_STATIC" in os.environ
WHITENOISE_AUTOREFRESH = False
