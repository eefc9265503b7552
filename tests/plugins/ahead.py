"""Makes what every test process would else make for itself, or wait for: compiled kernels and the empty database.

`python -m tests.plugins.ahead`; what is there already is not made again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

# Sets the environment of a test run, so it comes first.
from tests.plugins import environment  # isort: skip  # noqa: F401


def main() -> None:
    import django

    from tests.plugins.template import migrated_copy

    django.setup()
    from analytics.warmup import compile_once

    try:
        with tempfile.TemporaryDirectory() as folder:
            migrated_copy(Path(folder) / "empty.sqlite3")
        compile_once()
    finally:
        shutil.rmtree(os.environ["TESTS_DIR"], ignore_errors=True)


if __name__ == "__main__":
    main()
