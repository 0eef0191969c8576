"""Checks that accept or refuse a batch. Each check has one condition reason."""

from __future__ import annotations

from typing import Any

from imagebatch_core import names
from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.keys import (
    LONGEST_PREFIX,
    BatchKeys,
    is_below,
    key_problem,
    store_prefix,
    upload_prefix,
)
from imagebatch_core.reasons import Reason
from imagebatch_core.resource import ImageBatch
from imagebatch_operator.cluster.client import Forbidden, Kube, NotFound, core_path
from imagebatch_operator.policies.accepted import not_understood, over_ceilings, priority_in_kueue
from imagebatch_operator.policies.observed import Refusal
from imagebatch_operator.policies.runner_overrides import not_allowed

from .runner_config import RunnerConfig
from .settings import Settings


async def accept(batch: ImageBatch, kube: Kube, settings: Settings) -> str | Refusal:
    """Return the root key of the batch's data, or the refusal of the first check that fails.

    Raises:
        KubeError: the API server does not respond.
    """
    refusal = spec_refused(batch, settings) or _key_not_granted(batch, settings)
    if refusal is not None:
        return refusal
    root = await _root(batch, kube, settings)
    if isinstance(root, Refusal):
        return root
    return await _config_map_missing(batch, kube) or root


def spec_refused(batch: ImageBatch, settings: Settings) -> Refusal | None:
    """Return a refusal if the spec asks for what this release does not do or allow."""
    return not_acted_on(batch, settings.ceilings) or _runner_not_allowed(batch, settings)


def not_acted_on(batch: ImageBatch, ceilings: Ceilings = NO_CEILINGS) -> Refusal | None:
    """Return a refusal if the spec has fields that have no effect here, or exceed a ceiling."""
    return not_understood(batch) or priority_in_kueue(batch) or over_ceilings(batch, ceilings)


def _runner_not_allowed(batch: ImageBatch, settings: Settings) -> Refusal | None:
    """Return a permanent refusal if ``spec.runner`` asks for more than the chart allows."""
    if batch.spec.runner is None:
        return None
    base = settings.runner_resources
    found = not_allowed(batch.spec.runner, settings.runner_overrides, base)
    return Refusal(Reason.RUNNER_NOT_ALLOWED, "; ".join(found), permanent=True) if found else None


def _key_not_granted(batch: ImageBatch, settings: Settings) -> Refusal | None:
    source = batch.spec.source.s3
    if source is None:
        return None
    problem = key_problem(source.key)
    if problem is not None:
        text = f"spec.source.s3.key: {problem}"
        return Refusal(Reason.SOURCE_NOT_ALLOWED, text, permanent=True)
    granted = [upload_prefix(batch.namespace), *settings.source_prefixes.get(batch.namespace, [])]
    if any(is_below(source.key, prefix) for prefix in granted):
        return None
    text = f"spec.source.s3.key must lie below {' or '.join(granted)}"
    return Refusal(Reason.SOURCE_NOT_ALLOWED, text, permanent=True)


async def _root(batch: ImageBatch, kube: Kube, settings: Settings) -> str | Refusal:
    """Return the root key of the batch's data, from the runner's settings in its namespace."""
    # The storage Secret is not checked: the operator may not read it.
    found: dict[str, dict[str, Any]] = {}
    for plural, kind, name in (
        ("serviceaccounts", "ServiceAccount", names.RUNNER_SERVICE_ACCOUNT),
        ("configmaps", "ConfigMap", names.RUNNER_CONFIG_MAP),
    ):
        try:
            found[kind] = await kube.get(core_path(batch.namespace, plural, name))
        except NotFound:
            # A release that watches all namespaces must not be told to set `namespaces`: that list
            # would limit what it watches.
            value = "namespaces" if settings.namespaces else "runner.namespaces"
            text = (
                f"namespace {batch.namespace} has no {kind} {name}; "
                f"add the namespace to the chart's {value} and upgrade the release"
            )
            return Refusal(Reason.STORAGE_NOT_CONFIGURED, text, permanent=False)
        except Forbidden:
            text = (
                f"the operator has no Role in namespace {batch.namespace}: install the chart "
                "imagebatch-tenant there, or add the namespace to the chart's runner.namespaces "
                "and upgrade the release"
            )
            return Refusal(Reason.STORAGE_NOT_CONFIGURED, text, permanent=False)
    data = found["ConfigMap"].get("data") or {}
    config = RunnerConfig.parse(data)
    if config.problem is not None:
        text = f"ConfigMap {names.RUNNER_CONFIG_MAP} of {batch.namespace}: {config.problem}"
        return Refusal(Reason.STORAGE_NOT_CONFIGURED, text, permanent=False)
    refusal = over_ceilings(batch, settings.narrowed(config.ceilings).ceilings)
    if refusal is not None:
        return refusal
    store = data.get(names.ENV_STORE)
    if not store:
        text = f"ConfigMap {names.RUNNER_CONFIG_MAP} of {batch.namespace} has no {names.ENV_STORE}"
        return Refusal(Reason.STORAGE_NOT_CONFIGURED, text, permanent=False)
    prefix = store_prefix(store)
    if len(prefix.encode()) > LONGEST_PREFIX:
        text = (
            f"the key prefix in {names.ENV_STORE} of ConfigMap {names.RUNNER_CONFIG_MAP} is longer "
            f"than {LONGEST_PREFIX} bytes: S3 would refuse the keys"
        )
        return Refusal(Reason.STORAGE_NOT_CONFIGURED, text, permanent=False)
    return BatchKeys.of(batch.namespace, batch.uid, prefix).root


async def _config_map_missing(batch: ImageBatch, kube: Kube) -> Refusal | None:
    source = batch.spec.source.config_map
    if source is None:
        return None
    try:
        found = await kube.get(core_path(batch.namespace, "configmaps", source.name))
    except NotFound:
        text = f"ConfigMap {source.name} does not exist"
        return Refusal(Reason.SOURCE_NOT_FOUND, text, permanent=False)
    if source.key in {**(found.get("data") or {}), **(found.get("binaryData") or {})}:
        return None
    text = f"ConfigMap {source.name} has no key {source.key}"
    return Refusal(Reason.SOURCE_NOT_FOUND, text, permanent=False)
