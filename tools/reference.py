"""Generate the reference documentation of settings, options, statuses and formats from the code.

``make generate`` runs it. With ``--check``, which ``make verify`` uses, it only reports pages that
are out of date. Those of ``docs/reference`` and the client's ``option_texts.json`` are generated
completely; in other pages only the text between two comments is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

from markdown_table import table
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticUndefined
from pydantic_core.core_schema import CoreSchema
from resource_page import resource_page

from imagebatch_core.environment import EnvironmentSettings, WhenUnset, variable
from imagebatch_core.formats import Format, Kind
from imagebatch_core.results import ImageStatus
from imagebatch_core.spec import ImageBatchSpec
from imagebatch_core.store import open_store
from imagebatch_gateway.app import create_app
from imagebatch_gateway.backends.cluster import Cluster
from imagebatch_gateway.settings import Settings as GatewaySettings
from imagebatch_gateway.uploads.form import form_model
from imagebatch_operator.metrics import DEFINITIONS
from imagebatch_operator.settings import Settings as OperatorSettings
from imagebatch_runner.codec.formats import FORMATS
from imagebatch_runner.settings import Settings as RunnerSettings
from imagebatch_sweep.settings import Settings as SweepSettings

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
CLIENT_OPTIONS: Final = DOCS.parent / "client/src/imagebatch/cli/option_texts.json"

SETTINGS: Final = """\
# Settings

Written by `make generate` from the models that read them: do not edit.

Each component reads its settings from environment variables, which the chart sets. A value that is
not allowed ends the process with exit code 3 (`imagebatch-runner local`: 2) and a line that names
the variable. An empty variable counts as not set.

The object store of `IMAGEBATCH_STORE` is opened with the usual `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION` and `AWS_ENDPOINT_URL`.
"""
RUNNER: Final = """\
The chart sets them with `runner.settings`, names in camelCase; `imagebatch-runner local` reads the
same variables. [runner.md](../runner.md) tells what the runner does with them."""
COMPONENTS: Final[dict[str, tuple[str, type[EnvironmentSettings]]]] = {
    "Gateway": ("[api.md](../api.md) tells what it does with them.", GatewaySettings),
    "Operator": ("[operator.md](../operator.md) tells what it does with them.", OperatorSettings),
    "Runner": (
        RUNNER,
        RunnerSettings,
    ),
    "Sweeper": ("[storage.md](../storage.md) tells what it removes.", SweepSettings),
}
METRICS: Final = """\
# Metrics

Written by `make generate` from the definitions in the operator: do not edit.

The operator serves them at `/metrics`, port 9090 of its pods and of the headless Service
`imagebatch-operator-metrics`. A NetworkPolicy keeps everybody from it but the peers in `metrics.from` of
the chart; `metrics.serviceMonitor.enabled` makes a ServiceMonitor for the Prometheus operator.

Each operator is scraped by itself; the one that leads has `imagebatch_leader` 1 and knows the batches.
Counters begin at 0 when it starts, so use `rate` and `increase`. Alerts that are worth having:

| Alert | Expression |
|---|---|
| Nobody leads | `sum(imagebatch_leader) != 1` for 2 minutes |
| The API server refuses | `sum(rate(imagebatch_api_requests_total{code=~"403\\|5..\\|none"}[5m])) > 0.1` |
| Passes fail | `rate(imagebatch_queue_retries_total[10m]) > 0.1` |
| Batches wait to be mended | `sum(imagebatch_batches{reason=~"ConfigurationRefused\\|PodsBlocked"}) > 0` for 15 minutes |
| Nobody takes the webhooks | `increase(imagebatch_webhook_attempts_total{outcome!="delivered"}[1h]) > 20` |

The process's own metrics (`process_cpu_seconds_total`, `process_resident_memory_bytes`, …) are served as
well.

"""  # noqa: E501 - rows of a table
#: Words in a setting's name that say the unit of its number.
UNITS: Final = {"seconds": "seconds", "bytes": "bytes", "mib": "MiB", "pixels": "pixels"}


def settings() -> str:
    """Return the page of all components' settings."""
    parts = [SETTINGS]
    for component, (text, model) in COMPONENTS.items():
        rows = (
            (f"`{variable(name)}`", default(name, field), values, field.description or "")
            for name, field, values in fields(model)
        )
        head = ("Variable", "Default", "Allowed", "Meaning")
        parts.append(f"\n## {component}\n\n{text}\n\n{table(head, rows)}")
    return "".join(parts)


def options() -> str:
    """Return the table of the upload form's fields."""
    rows = (
        (f"`{field.alias}`", default(name, field), values, field.description or "")
        for name, field, values in fields(form_model(ImageBatchSpec))
    )
    return table(("Field", "Default", "Allowed", "Meaning"), rows)


def client_options() -> str:
    """Return help and default of the upload form's fields, from which the client makes options."""
    texts = {
        field.alias: {"help": field.description or "", "default": plain_default(name, field)}
        for name, field, _ in fields(form_model(ImageBatchSpec))
    }
    return json.dumps(texts, indent=1, ensure_ascii=False) + "\n"


def plain_default(name: str, field: FieldInfo) -> str:
    """Return the field's default without markup; empty if there is none."""
    text = default(name, field).strip("`")
    return "" if text in {"none", "required"} else text


def statuses() -> str:
    """Return the table of image statuses."""
    rows = (
        (f"`{status.value}`", "yes" if status.has_output else "no", status.meaning)
        for status in ImageStatus
    )
    return table(("Status", "Output", "Meaning"), rows)


def formats() -> str:
    """Return the table of image formats."""
    asked = {format_.value for format_ in Format}
    rows = (
        (
            f"`{kind.value}`",
            ", ".join(kind.extensions),
            "yes" if kind.value in asked else "from itself",
            "yes" if FORMATS[kind].alpha else "no",
            "yes" if FORMATS[kind].animates else "no",
            ", ".join(name.upper() for name in FORMATS[kind].metadata) or "none",
            str(FORMATS[kind].bytes_per_pixel),
        )
        for kind in Kind
    )
    head = ("Format", "Endings", "Output", "Transparency", "Animation", "Metadata", "Memory")
    return table(head, rows)


def openapi() -> str:
    """Return the gateway's OpenAPI document, which does not depend on settings."""
    settings = GatewaySettings(namespace="shop", store="memory://")
    cluster = SimpleNamespace(reviews=None, key_secret=None, batches=lambda _: None)
    app = create_app(settings, open_store(settings.store, {}), cast("Cluster", cluster))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


def metrics() -> str:
    """The page of the operator's metrics."""
    rows = (
        (f"`{one.name}`", one.kind, ", ".join(f"`{n}`" for n in one.labels), one.meaning)
        for one in DEFINITIONS
    )
    return METRICS + table(("Metric", "Type", "Labels", "Meaning"), rows)


def fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo, str]]:
    """Yield name, field and allowed values of each field of a model."""
    schema = model.model_json_schema(schema_generator=LenientSchema)
    definitions = schema.get("$defs", {})
    for name, field in model.model_fields.items():
        described = schema["properties"][field.alias or name]
        yield name, field, allowed(name, described, definitions)


class LenientSchema(GenerateJsonSchema):
    """Makes a schema even for types without a JSON schema; such a field has no allowed values."""

    def handle_invalid_for_json_schema(
        self, schema: CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        return {}


def default(name: str, field: FieldInfo) -> str:
    """Return the text of a field's default, which applies if the variable or option is not set."""
    unset = next((m.text for m in field.metadata if isinstance(m, WhenUnset)), None)
    if unset is not None:
        return unset
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=False)
    if value is None or value is PydanticUndefined:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict) and value:
        return f"`{json.dumps(value)}`"
    if name.endswith("bytes") and value % (1 << 20) == 0:
        return f"`{value}` ({_size(value)})"
    return f"`{value}`" if value or value == 0 else "empty"


def _size(count: int) -> str:
    gib = 1 << 30
    return f"{count // gib} GiB" if count % gib == 0 else f"{count // (1 << 20)} MiB"


def allowed(name: str, schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return a text that says which values a field accepts."""
    for branch in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ())):
        node = definitions[branch["$ref"].rpartition("/")[2]] if "$ref" in branch else branch
        if "enum" in node:
            return ", ".join(f"`{value}`" for value in node["enum"])
        if node.get("type") in ("integer", "number"):
            unit = next((UNITS[word] for word in name.split("_") if word in UNITS), "")
            return f"{_range(node)} {unit}".strip()
        if node.get("type") == "boolean":
            return "`true`, `false`"
    return ""


def _range(node: dict[str, Any]) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f"{low} to {high}"
    above = node.get("exclusiveMinimum")
    least = (
        f"{low} or more" if low is not None else f"more than {above}" if above is not None else ""
    )
    most = f"at most {high}" if high is not None else ""
    return ", ".join(word for word in (least, most) if word)


def pages() -> dict[Path, str]:
    """Return the up-to-date content of each page."""
    return {
        DOCS / "reference" / "settings.md": settings(),
        DOCS / "reference" / "metrics.md": metrics(),
        DOCS / "reference" / "resource.md": resource_page(),
        DOCS / "reference" / "openapi.json": openapi(),
        CLIENT_OPTIONS: client_options(),
        DOCS / "api.md": between(DOCS / "api.md", options=options()),
        DOCS / "runner.md": between(DOCS / "runner.md", statuses=statuses(), formats=formats()),
    }


def between(page: Path, **texts: str) -> str:
    """Return the page with each text put between the two comments of the same name."""
    whole = page.read_text()
    for name, text in texts.items():
        whole = _between(whole, name, text)
    return whole


def _between(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name}: written by `make generate` -->", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n\n{text}\n{end}{rest.split(end)[1]}"


def main() -> int:
    """Write the pages; with ``--check``, return exit code 1 if a page is out of date."""
    stale = {
        page: text
        for page, text in pages().items()
        if not page.exists() or page.read_text() != text
    }
    if "--check" not in sys.argv[1:]:
        for page, text in stale.items():
            page.parent.mkdir(exist_ok=True)
            page.write_text(text)
        return 0
    for page in stale:
        print(f"{page.relative_to(DOCS.parent)} is out of date: run make generate")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
