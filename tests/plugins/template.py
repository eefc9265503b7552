"""An empty SQLite database with all migrations applied, made once and copied by every test process after that.

Applying them takes longer than most test files. The copy is kept beside the compiled kernels, under a name that changes
with any migration and any package.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.plugins.environment import BASE_DIR

FOLDER = BASE_DIR / ".pytest_cache" / "databases"


def migrated_copy(target: Path) -> None:
    """Puts the empty database where a test process expects its own."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    template = FOLDER / f"{_fingerprint()}.sqlite3"
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            for old in FOLDER.glob("*.sqlite3*"):
                old.unlink()
            _make(template)
    shutil.copyfile(template, target)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in [*sorted(BASE_DIR.glob("*/migrations/*.py")), *sorted(BASE_DIR.glob("requirements*.txt"))]:
        digest.update(path.relative_to(BASE_DIR).as_posix().encode() + b"\n" + path.read_bytes())
    return digest.hexdigest()[:16]


def _make(template: Path) -> None:
    draft = template.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    variables = {**os.environ, "DATABASE_URL": f"sqlite:///{draft}"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=BASE_DIR, env=variables, check=True)
    draft.rename(template)
