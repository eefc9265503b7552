"""A whole installation with the demo community, and browsers that are signed in to it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from community_ops.embedded.lifeline import before_exec
from community_ops.embedded.valkey import free_port
from tests.conftest import find_chromium, process, said_by, wait_until
from tests.plugins.environment import BASE_DIR, DATA_DIR
from tests.plugins.template import migrated_copy

# Enough for every page to be full; the walker looks at pages, not at numbers.
MEMBERS = os.environ.get("WALK_MEMBERS", "1500")
WIDE, PHONE = 1440, 390
HEIGHTS = {WIDE: 900, PHONE: 844}


# Runs one piece of code after the other, and says of each whether it went through, and what it printed.
CONSOLE = """
import contextlib, io, json, sys, traceback
for line in sys.stdin:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(json.loads(line), {})
        answer = [True, said.getvalue()]
    except BaseException:
        answer = [False, traceback.format_exc()]
    print(json.dumps(answer), flush=True)
"""


@dataclass(frozen=True)
class Site:
    """Where the installation answers, how its staff sign in, and its DATA_DIR."""

    url: str
    passwords: dict[str, str]
    environment: dict[str, str]
    consoles: list[subprocess.Popen[str]] = field(default_factory=list)

    def python(self, code: str) -> str:
        """What the code prints inside the installation. One process runs all of it: to start one takes seconds."""
        if not self.consoles:
            self.consoles.append(
                subprocess.Popen(
                    [sys.executable, "manage.py", "shell", "-v", "0", "-c", CONSOLE],
                    cwd=BASE_DIR,
                    env=self.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    preexec_fn=before_exec(),
                )
            )
        console = self.consoles[0]
        assert console.stdin
        assert console.stdout
        console.stdin.write(json.dumps(code) + "\n")
        console.stdin.flush()
        worked, said = json.loads(console.stdout.readline())
        assert worked, said
        return str(said)

    def close(self) -> None:
        for console in self.consoles:
            console.communicate()

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _environment(data: Path, url: str) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return environment | {
        "DJANGO_SETTINGS_MODULE": "community_ops.settings",
        "DATA_DIR": str(data),
        "PUBLIC_URL": url,
    }


def _passwords(data: Path) -> dict[str, str]:
    people = json.loads((data / "demo-sign-in.json").read_text(encoding="utf-8"))
    return {person["username"]: person["password"] for person in people}


def _seed(data: Path) -> None:
    """A demo community in a DATA_DIR. It is made once for all test processes: the others take a copy."""
    seeded = DATA_DIR.parent / "seeded"
    with (DATA_DIR.parent / "seeding").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not seeded.exists():
            draft = DATA_DIR.parent / "draft"
            draft.mkdir()
            site = Site("", {}, _environment(draft, "http://127.0.0.1"))
            migrated_copy(draft / "community.sqlite3")
            site.manage("collectstatic", "--noinput", "-v", "0")
            site.manage("seed_demo", "--members", MEMBERS)
            draft.rename(seeded)
    shutil.copytree(seeded, data)


@pytest.fixture(scope="session")
def demo() -> Iterator[Site]:
    """Everything `manage.py up` runs, on a database of its own that holds a small demo community.

    To try a page again and again, keep one running: WALK_SITE is its address, WALK_DATA_DIR its DATA_DIR.
    """
    if running := os.environ.get("WALK_SITE"):
        data = Path(os.environ["WALK_DATA_DIR"])
        site = Site(running, _passwords(data), _environment(data, running))
        yield site
        site.close()
        return
    data = DATA_DIR / "demo"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = _environment(data, url)
    _seed(data)
    site = Site(url, _passwords(data), environment)
    command = [sys.executable, "manage.py", "up", "--port", str(port), "--concurrency", "1"]
    with process(command, "up", environment):
        wait_until(lambda: "Ready:" in said_by("up"), seconds=60, because=lambda: said_by("up"))
        yield site
        site.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of one file; no event loop of it is left for other tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


OpenBrowser = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def as_staff(demo: Site, chromium: Browser) -> Iterator[OpenBrowser]:
    """`as_staff("lin", language="en", width=1440, theme="light")`: a browser in which that person is signed in.

    An empty name is a stranger. The sign-in is made once for each person and its cookies are used again.
    """
    cookies: dict[str, list] = {"": []}
    opened: list[BrowserContext] = []

    def open_browser(
        username: str = "", language: str = "en", width: int = WIDE, theme: str = "light"
    ) -> BrowserContext:
        context = chromium.new_context(
            base_url=demo.url,
            viewport={"width": width, "height": HEIGHTS[width]},
            color_scheme=theme,  # type: ignore[arg-type]
            locale={"en": "en-GB", "zh-hans": "zh-CN"}[language],
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
            is_mobile=False,
        )
        opened.append(context)
        if username not in cookies:
            page = context.new_page()
            page.goto("/sign-in/")
            page.locator("input[name=username]").fill(username)
            page.locator("input[name=password]").fill(demo.passwords[username])
            page.keyboard.press("Enter")
            page.wait_for_url(lambda url: "/sign-in/" not in url)
            page.close()
            cookies[username] = [cookie for cookie in context.cookies() if cookie["name"] != "language"]
        context.clear_cookies()
        context.add_cookies([*cookies[username], {"name": "language", "value": language, "url": demo.url}])
        return context

    yield open_browser
    for context in opened:
        context.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of the pages are put, for people to look at."""
    folder = BASE_DIR / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def things(demo: Site) -> dict[str, object]:
    """One of each thing of the demo, in Mei's branch, by the names that the matrix uses."""
    told: dict[str, object] = json.loads(
        demo.manage("shell", "-v", "0", "-c", "from tests.browser.things import tell; tell()")
    )
    return told
