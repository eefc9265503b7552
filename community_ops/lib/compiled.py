"""Where Numba keeps the compiled kernels of the reports."""

from __future__ import annotations

import hashlib
from pathlib import Path

KERNELS = Path(__file__).resolve().parents[2] / "analytics"


def folder_for_kernels(parent: Path) -> Path:
    """A folder of its own for each text of the kernels: Numba compiles a function anew when its own file has changed,
    but not when one has that it calls, and would go on with what it compiled before an upgrade."""
    text = hashlib.sha256()
    for path in sorted(KERNELS.glob("kernels*.py")):
        text.update(path.read_bytes())
    return parent / text.hexdigest()[:12]
