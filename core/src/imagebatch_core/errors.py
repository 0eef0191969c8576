"""The errors that the components share.

::

    ImageBatchError
    ├── InputRefused           the user's input cannot be processed (exit code 2)
    │   └── LimitExceeded      it is larger than the release allows
    ├── ConfigurationRefused   a setting is missing or wrong (exit code 3)
    └── StorageRefused         the object store refuses what the program must do (exit code 3)
"""

from __future__ import annotations


class ImageBatchError(Exception):
    """Base of the errors that are written for people: the text says what to do."""


class InputRefused(ImageBatchError):
    """The input as a whole cannot be processed.

    ``line`` is the 1-based line of the input at which the problem was found, if there is one.
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(f"line {line}: {message}" if line is not None else message)
        self.line = line


class LimitExceeded(InputRefused):
    """The input is larger than a ceiling of the release allows."""


class ConfigurationRefused(ImageBatchError):
    """A setting is missing or contradicts another."""


class StorageRefused(ImageBatchError):
    """The object store refuses a write, read or list that the program needs."""
