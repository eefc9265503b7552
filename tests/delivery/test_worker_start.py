"""A worker starts with what its tasks need, and no more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import environment

pytestmark = pytest.mark.once


def test_a_worker_starts_without_the_compiler_of_the_reports():
    """It takes 60 MB of each process that has it, and only reports and letters count with it."""
    code = (
        "import sys; from community_ops.celery import app; app.loader.import_default_modules();"
        " assert 'delivery.deliver' in app.tasks; print(*{'numba', 'delivery', 'analytics'} & set(sys.modules))"
    )
    variables = {**environment(), "CELERY_SKIP_CHECKS": "true"}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) == {"delivery", "analytics"}
