"""The Secret that holds the S3 key pair of a namespace. The operator uses its name and never reads
it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from imagebatch_core import names
from imagebatch_core.names import KEY_PAIR


@dataclass(frozen=True, slots=True)
class S3Secret:
    """A Secret and which of its keys hold the two halves of the key pair."""

    name: str = names.RUNNER_STORAGE_SECRET
    access_key_id: str = KEY_PAIR[0]
    secret_access_key: str = KEY_PAIR[1]

    @classmethod
    def named_by(cls, data: Mapping[str, str]) -> S3Secret | None:
        """Return the Secret that the data of a runner's ConfigMap names.

        ``None`` if the name is empty: the pods then use the rights of their service account. If the
        ConfigMap has no such entry, because somebody wrote it by hand, the default names apply.
        """
        name = data.get(names.S3_SECRET_NAME, names.RUNNER_STORAGE_SECRET)
        if not name:
            return None
        return cls(
            name,
            data.get(names.S3_SECRET_KEY_OF_ID) or KEY_PAIR[0],
            data.get(names.S3_SECRET_KEY_OF_SECRET) or KEY_PAIR[1],
        )

    def env(self) -> list[dict[str, Any]]:
        """Return the container's variables. Only these two values of the Secret reach the pod."""
        return [
            {"name": variable, "valueFrom": {"secretKeyRef": {"name": self.name, "key": key}}}
            for variable, key in zip(
                KEY_PAIR, (self.access_key_id, self.secret_access_key), strict=True
            )
        ]


#: The Secret of a namespace whose ConfigMap does not name one.
DEFAULT: Final = S3Secret()
