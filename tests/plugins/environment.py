"""The environment of a test run; loaded with `-p` before Django reads its settings.

Every pytest process (each xdist worker is one) has a DATA_DIR and a Valkey of its own, and never touches those of the
installation in the same folder. The database is the one that DATABASE_URL names, else SQLite in that DATA_DIR.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

BASE_DIR = Path(__file__).resolve().parents[2]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

if not WORKER:
    os.environ["TESTS_DIR"] = tempfile.mkdtemp(prefix="community-tests-")
DATA_DIR = Path(os.environ["TESTS_DIR"]) / (WORKER or "main")
(DATA_DIR / "static").mkdir(parents=True, exist_ok=True)

os.environ["DATA_DIR"] = str(DATA_DIR)
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
os.environ["SECRET_KEY"] = "a-secret-for-tests-that-is-long-enough-to-sign-with-0123456789"
os.environ["PYTHONHASHSEED"] = os.environ.get("PYTHONHASHSEED", "0")
# Playwright keeps an event loop in the test's thread, where Django would refuse every query.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
for name in ("DEBUG", "PUBLIC_URL", "TIME_ZONE", "ALLOWED_HOSTS", "OUTBOUND_ALLOWED_HOSTS", "DASK_SCHEDULER"):
    os.environ.pop(name, None)
for name in [name for name in os.environ if name.startswith("WECOM_")]:
    del os.environ[name]

sys.path.insert(0, str(BASE_DIR))

from community_ops.embedded.valkey import Valkey  # noqa: E402  the environment above must be set first
from community_ops.lib.compiled import folder_for_kernels  # noqa: E402

# Compiled kernels outlive a run: compiling them takes longer than the tests that use them.
os.environ["NUMBA_CACHE_DIR"] = str(folder_for_kernels(BASE_DIR / ".pytest_cache" / "numba"))

VALKEY = Valkey(DATA_DIR / "valkey")
os.environ["REDIS_URL"] = VALKEY.url


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    from community_ops.lib.translations import compile_catalogues

    compile_catalogues(BASE_DIR, [path.parent.name for path in BASE_DIR.glob("*/locale")])


def pytest_unconfigure(config: pytest.Config) -> None:
    if not WORKER:
        shutil.rmtree(os.environ["TESTS_DIR"], ignore_errors=True)
