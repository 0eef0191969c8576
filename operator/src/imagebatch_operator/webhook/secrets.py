"""The secrets that sign a batch's webhook: its own, else the release's."""

from __future__ import annotations

import asyncio
import base64

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.client import Forbidden, Kube, NotFound, core_path
from imagebatch_operator.settings import Settings

from .signature import parse_secrets


async def signing_keys(batch: ImageBatch, kube: Kube, settings: Settings) -> list[bytes]:
    """Read at each attempt, so that a rotated secret needs no restart.

    Raises:
        ConfigurationRefused: the Secret that the batch names is not there or not ours to read, or
            it, or the release's, holds no usable secret.
    """
    reference = batch.spec.webhook.secret_ref if batch.spec.webhook else None
    if reference is not None:
        try:
            secret = await kube.get(core_path(batch.namespace, "secrets", reference.name))
        except NotFound:
            raise ConfigurationRefused(f"Secret {reference.name} does not exist") from None
        except Forbidden:
            raise ConfigurationRefused(
                f"Secret {reference.name} may not be read: "
                "webhook.secretRefs of the chart allows it"
            ) from None
        encoded = (secret.get("data") or {}).get(reference.key)
        if encoded is None:
            raise ConfigurationRefused(f"Secret {reference.name} has no key {reference.key}")
        return parse_secrets(base64.b64decode(encoded).decode(errors="replace"))
    if settings.signing_secret_file is None:
        raise ConfigurationRefused("the release has no signing secret")
    return parse_secrets(await asyncio.to_thread(settings.signing_secret_file.read_text))
