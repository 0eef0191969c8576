"""Find the secrets that sign a batch's webhook; they belong to the batch's namespace."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.names import WEBHOOK_SECRET, WEBHOOK_SECRET_KEY
from imagebatch_core.resource import ImageBatch
from imagebatch_core.spec import SecretRef
from imagebatch_operator.cluster.client import Forbidden, Kube, NotFound, core_path
from imagebatch_operator.settings import Settings

from .signature import parse_secrets


async def signing_keys(batch: ImageBatch, kube: Kube, settings: Settings) -> list[bytes]:
    """Return the keys of the Secret that the batch names, else those of its namespace.

    The release's secret signs for ``signing_namespace`` only, if that is set. With one secret for
    all namespaces, a tenant could send events to another tenant's receiver. Secrets are read at
    each attempt, so a rotated one needs no restart.

    Raises:
        ConfigurationRefused: there is no usable secret, or the operator may not read it.
        KubeError: the API server did not respond.
    """
    reference = batch.spec.webhook.secret_ref if batch.spec.webhook else None
    if reference is not None:
        advice = "webhook.secretRefs of the chart allows it"
        return await _read(batch.namespace, reference, kube, advice)
    if settings.signing_namespace in (None, batch.namespace):
        return await asyncio.to_thread(_from_file, settings.signing_secret_file)
    own = SecretRef(name=WEBHOOK_SECRET, key=WEBHOOK_SECRET_KEY)
    advice = "list the namespace in the chart's values and upgrade the release"
    return await _read(batch.namespace, own, kube, advice)


def _from_file(path: Path | None) -> list[bytes]:
    if path is None:
        raise ConfigurationRefused("the release has no signing secret")
    try:
        return parse_secrets(path.read_text())
    except OSError as error:
        raise ConfigurationRefused(
            f"the release's signing secret cannot be read: {error.strerror}"
        ) from error


async def _read(namespace: str, reference: SecretRef, kube: Kube, advice: str) -> list[bytes]:
    """Read the keys of a Secret; ``advice`` says how the operator gets the right to read it."""
    name = f"Secret {reference.name} of namespace {namespace}"
    try:
        secret = await kube.get(core_path(namespace, "secrets", reference.name))
    except NotFound:
        raise ConfigurationRefused(f"{name} does not exist") from None
    except Forbidden:
        raise ConfigurationRefused(f"{name} may not be read: {advice}") from None
    encoded = (secret.get("data") or {}).get(reference.key)
    if encoded is None:
        raise ConfigurationRefused(f"{name} has no key {reference.key}")
    return parse_secrets(base64.b64decode(encoded).decode(errors="replace"))
