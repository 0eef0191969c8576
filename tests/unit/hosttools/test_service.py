from __future__ import annotations

import pytest

from hosttools.service import Service


class Noted(Service):
    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.notes: list[str] = []

    def set_up(self) -> None:
        self.notes.append("up")
        if self.fails:
            raise TimeoutError("does not answer")

    def tear_down(self) -> None:
        self.notes.append("down")


def test_a_service_is_torn_down_when_its_block_fails() -> None:
    service = Noted()
    with pytest.raises(ZeroDivisionError), service:
        _ = 1 / 0
    assert service.notes == ["up", "down"]


def test_a_service_that_does_not_come_up_is_torn_down() -> None:
    service = Noted(fails=True)
    with pytest.raises(TimeoutError), service:
        raise AssertionError("the block was entered")
    assert service.notes == ["up", "down"]
