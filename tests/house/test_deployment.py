"""The production set-up: what its files say, and their exact commands on this machine's services."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from community_ops.embedded.children import ALLOCATION
from community_ops.embedded.valkey import free_port
from tests.conftest import environment, process, said_by, wait_until
from tests.plugins.environment import BASE_DIR

pytestmark = pytest.mark.production
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text("utf-8"))
    return read


def command(service: dict[str, Any], **changes: str) -> list[str]:
    """The command of a service with this environment's programs."""
    words = [changes.get(word, word).replace("$$", "$") for word in service["command"]]
    return [str(BIN / words[0]), *words[1:]]


def test_every_service_waits_for_what_it_needs(compose: dict[str, Any]):
    services = compose["services"]
    assert set(services) == {"postgres", "redis", "migrate", "web", "worker", "beat"}
    for name in ("web", "worker", "beat"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert services[name]["restart"] == "unless-stopped"
    for name in ("postgres", "redis", "web", "worker", "beat"):
        assert services[name]["healthcheck"]["test"]
    assert services["migrate"]["restart"] == "no"


def test_what_must_be_kept_is_on_volumes(compose: dict[str, Any]):
    mounted = {
        volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])
    }
    assert mounted == set(compose["volumes"])


def test_no_secret_has_a_default_and_a_missing_one_is_named(compose: dict[str, Any]):
    text = (BASE_DIR / "docker-compose.yml").read_text("utf-8")
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "PUBLIC_URL"):
        uses = re.findall(rf"\$\{{{name}[^}}]*\}}", text)
        assert uses
        assert all(f"{name}:?set {name} in .env" in use for use in uses)
        assert f"\n{name}=\n" in "\n" + (BASE_DIR / ".env.example").read_text("utf-8")


def test_the_image_holds_what_it_copies_and_is_not_run_by_root():
    text = (BASE_DIR / "Dockerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (BASE_DIR / source).exists(), source
    assert "--require-hashes" in text
    assert "npm ci --omit=dev --ignore-scripts" in text
    assert text.index("\nUSER app\n") < text.index("\nCMD ")
    assert all(f"{name}={value}" in text for name, value in ALLOCATION.items())


def test_secrets_and_this_machines_state_stay_out_of_the_image():
    ignored = (BASE_DIR / ".dockerignore").read_text("utf-8").split()
    assert {".env", "var", ".venv", "node_modules", ".git"} <= set(ignored)


@pytest.mark.services
def test_the_exact_commands_make_a_ready_installation(
    compose: dict[str, Any], valkey: object, transactional_db: None, monkeypatch: pytest.MonkeyPatch
):
    services = compose["services"]
    port = free_port()
    variables = {**environment(), "DJANGO_SETTINGS_MODULE": "community_ops.settings", "WEB_CONCURRENCY": "2"}
    variables["PATH"] = f"{BIN}{os.pathsep}{variables.get('PATH', '')}"
    healthz = services["web"]["healthcheck"]["test"][1:]
    with ExitStack() as stack:
        web = [*command(services["web"]), "--bind", f"127.0.0.1:{port}"]
        for name, words in (
            ("gunicorn", web),
            ("compose-worker", command(services["worker"])),
            ("compose-beat", command(services["beat"])),
        ):
            stack.enter_context(process(words, name, variables))

        def status() -> int:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
                    return int(response.status)
            except urllib.error.HTTPError as error:
                return error.code
            except OSError:
                return 0

        wait_until(
            lambda: status() == 200,
            seconds=240,
            because=lambda: said_by("gunicorn") + said_by("compose-worker") + said_by("compose-beat"),
        )
        assert _code([word.replace(":8000/", f":{port}/") for word in healthz], variables) == 0
        for name in ("worker", "beat"):
            test = services[name]["healthcheck"]["test"][1:]
            service = services[name]["environment"]["SERVICE"]
            assert _code(test, {**variables, "SERVICE": service}) == 0
            assert _code(test, {**variables, "SERVICE": "nobody"}) == 1
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            assert b"django_http_requests_total_by_method_total" in response.read()


def _code(words: list[str], variables: dict[str, str]) -> int:
    return subprocess.run(words, cwd=BASE_DIR, env=variables, check=False, capture_output=True).returncode


def test_the_migrate_job_fills_an_empty_database_and_collects_static_files(compose: dict[str, Any], tmp_path: Path):
    variables = {**os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "community_ops.settings"}
    variables.pop("DATABASE_URL", None)
    variables["PATH"] = f"{BIN}{os.pathsep}{variables.get('PATH', '')}"
    words = compose["services"]["migrate"]["command"]
    done = subprocess.run(words, cwd=BASE_DIR, env=variables, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "community.sqlite3").stat().st_size > 0
    assert (tmp_path / "static" / "staticfiles.json").exists()
