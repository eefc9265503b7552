"""Fixtures that start what the product runs beside: a broker, a worker, a web server, a browser.

Everything is per pytest process, so that `-n 2` works; see tests/plugins/environment.py for where it lives.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.core.management.color import Style
from django.db import connection
from django.db.models.signals import post_migrate
from hypothesis import settings

from community_ops.celery import app as celery_app
from community_ops.embedded.lifeline import before_exec
from community_ops.embedded.valkey import Valkey, free_port
from community_ops.health import broker, lifeless
from tests.base import cast
from tests.plugins.environment import BASE_DIR, DATA_DIR, VALKEY
from tests.plugins.template import migrated_copy

__all__ = ["cast"]

# No test is about how long this machine takes.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_use_migrations: bool
) -> None:
    if connection.vendor == "sqlite" and django_db_use_migrations:
        migrated_copy(Path(connection.settings_dict["TEST"]["NAME"]))
    flush = _deletions if connection.vendor == "postgresql" else connection.ops.sql_flush
    connection.ops.sql_flush = lambda style, tables, **options: flush(  # type: ignore[method-assign]
        style, [table for table in tables if table not in KEPT], **options
    )


# What `migrate` puts there, and no test changes.
KEPT = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Everything is there; what KEPT names is not worked out anew after each test that commits."""
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)


def _deletions(
    _style: Style, tables: list[str], *, reset_sequences: bool = False, allow_cascade: bool = False
) -> list[str]:
    """What empties the tables after a test that commits.

    TRUNCATE gives each of some two hundred tables, and each of their indexes, a new file, which takes ten times as long
    as deleting the few rows of a test. The lock waits for whoever still writes, as TRUNCATE does.
    """
    names = [connection.ops.quote_name(table) for table in tables]
    return [
        f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE",
        "SET LOCAL session_replication_role = replica",  # no foreign key asks for an order
        "; ".join(f"DELETE FROM {name}" for name in names),
    ]


@pytest.fixture(scope="session")
def django_db_use_migrations() -> bool:
    """On PostgreSQL the tables are made as the models have them: there, tests/house/test_deployment.py migrates."""
    return connection.vendor == "sqlite"


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The SQLite database is a copy that has everything already; it goes with the folder of the run."""
    return connection.vendor == "sqlite"


# --- Services ---


@pytest.fixture(scope="session", autouse=True)
def valkey() -> Iterator[Valkey]:
    """The Valkey that `settings.REDIS_URL` names."""
    with _running:
        _start_valkey()
        yield VALKEY


_running = ExitStack()


def _start_valkey() -> None:
    _running.enter_context(process(VALKEY.command(), "valkey"))
    assert VALKEY.wait(), VALKEY.last_words()


def restart_valkey() -> None:
    """As `kill -9` and a new start."""
    with broker() as client:
        os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)
    _start_valkey()


@contextmanager
def process(
    command: list[str], name: str, variables: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is gone afterwards; what it prints goes to `DATA_DIR/NAME.log`."""
    with (DATA_DIR / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            command,
            cwd=BASE_DIR,
            env=variables or dict(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=before_exec(),
        )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(timeout=10)


def said_by(name: str) -> str:
    """The end of what a process of `process()` printed."""
    return (DATA_DIR / f"{name}.log").read_text("utf-8", errors="replace")[-4000:]


def wait_until(condition: Callable[[], object], seconds: float = 30, because: Callable[[], str] = lambda: "") -> None:
    """Wait for something another process does. Fails with what `because` says."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"It did not happen within {seconds} s. {because()}")
        time.sleep(0.05)


def environment() -> dict[str, str]:
    """What a process needs to work on the database and the broker of the tests."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        url = f"sqlite:///{name}"
    else:
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    return {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(BASE_DIR)}


@pytest.fixture(scope="session")
def _worker(valkey: Valkey, django_db_setup: None) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "community_ops", "worker", "--loglevel", "WARNING"]
    command += ["--concurrency", "1", "--without-gossip", "--without-mingle"]
    with process(command, "worker", environment()):
        wait_until(lambda: "worker" not in lifeless(), because=lambda: said_by("worker"))
        yield


@pytest.fixture
def celery_worker_process(transactional_db: None, _worker: None) -> Iterator[None]:
    """A real Celery worker on the test's database. Tasks that other tests left are gone."""
    celery_app.control.purge()
    yield
    celery_app.control.purge()
    with broker() as client:
        wait_until(lambda: not client.hlen("unacked"), because=lambda: said_by("worker"))


@pytest.fixture(scope="session")
def _site(valkey: Valkey, django_db_setup: None) -> Iterator[str]:
    port = free_port()
    variables = {**environment(), "TESTS_SERVE_STATIC": "1"}
    command = [sys.executable, "-m", "community_ops.embedded.web", "127.0.0.1", str(port)]
    with process(command, "web", variables):
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(f"{url}/healthz"), because=lambda: said_by("web"))
        yield url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def site(transactional_db: None, _site: str) -> str:
    """The address (without a slash at the end) of a real web server on the test's database."""
    return _site


# --- Browser ---


def find_chromium() -> str | None:
    """The browser that CHROME names, else one on PATH."""
    names = [os.environ.get("CHROME", ""), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Playwright drives the machine's own Chromium, which has no sandbox when everything is root."""
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": arguments}


# Files that take minutes. One that comes last keeps one process at work while the others have nothing left.
LONGEST = {"test_index.py", "test_isolation.py", "test_seed.py"}
LONG = {"test_deployment.py", "test_killed.py", "test_sending.py", "test_up.py", "test_urls.py"}


def _rank(item: pytest.Item) -> int:
    """The longest files are first, then those of a browser: while one process seeds their demo, the other has work."""
    if item.path.name in LONGEST:
        return 0
    return 1 if item.get_closest_marker("browser") or item.path.name in LONG else 2


# Around all others: the new marks are there when `-m` chooses, and pytest-django puts in its own order before ours.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    _mark(items)
    yield
    items.sort(key=_rank)


def _mark(items: list[pytest.Item]) -> None:
    for item in items:
        # What asks for no database depends on none: one run on one database is enough.
        names = getattr(item, "fixturenames", ())
        if not {"db", "transactional_db", "django_db_setup"} & set(names) and not item.get_closest_marker("django_db"):
            item.add_marker("once")
        # On SQLite a browser opens every page (tests/browser/test_walk.py).
        if any(word in item.path.stem for word in ("page", "console", "desk", "door", "phone", "shell")):
            item.add_marker("production")
    waiting = [item for item in items if item.get_closest_marker("browser")]
    if find_chromium() or not waiting:
        return
    if os.environ.get("CI") == "true":
        raise pytest.UsageError("There is no Chromium, and with CI=true nothing may be skipped")
    for item in waiting:
        item.add_marker(pytest.mark.skip(reason="no Chromium: install one or set CHROME"))
