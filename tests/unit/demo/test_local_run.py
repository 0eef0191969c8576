from __future__ import annotations

from pathlib import Path

import pytest

from demo.local_run import run_local
from stack.errors import StackFailed


@pytest.mark.slow
def test_a_local_run_that_is_refused_stops_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEBATCH_MAX_PIXELS", "many")
    with pytest.raises(StackFailed, match="ended with 2"):
        run_local(tmp_path / "first")
