from __future__ import annotations

import pytest

from community_ops.lib import compiled

pytestmark = pytest.mark.once


def test_a_kernel_is_compiled_anew_when_a_file_has_changed_that_it_calls(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "KERNELS", tmp_path)
    (tmp_path / "kernels.py").write_text("calls words")
    (tmp_path / "kernels_words.py").write_text("one")
    before = compiled.folder_for_kernels(tmp_path / "numba")
    assert before.parent == tmp_path / "numba"
    assert compiled.folder_for_kernels(tmp_path / "numba") == before

    (tmp_path / "kernels_words.py").write_text("another")
    assert compiled.folder_for_kernels(tmp_path / "numba") != before
