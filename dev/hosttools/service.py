"""A server, program or namespace that exists for the length of a ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Service(ABC):
    """``with``: set up at its start, torn down at its end, also when setting up fails."""

    @abstractmethod
    def set_up(self) -> None:
        """Return once it answers."""

    @abstractmethod
    def tear_down(self) -> None:
        """Leave nothing of it; harmless when it is not or only half set up."""

    def __enter__(self) -> Self:
        try:
            self.set_up()
        except BaseException:
            self.tear_down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.tear_down()
