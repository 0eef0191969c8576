"""Base class of servers, programs and namespaces that exist during a ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Service(ABC):
    """A context manager that is set up at the start and torn down at the end of its block.

    It is also torn down if setting it up fails.
    """

    @abstractmethod
    def set_up(self) -> None:
        """Start the service; return once it is ready."""

    @abstractmethod
    def tear_down(self) -> None:
        """Stop the service and remove everything of it, even if it was only partly set up."""

    def __enter__(self) -> Self:
        try:
            self.set_up()
        except BaseException:
            self.tear_down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.tear_down()
