"""The form of an upload follows the spec: a field that is new there is an option here."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
import pytest
from obstore.store import MemoryStore
from pydantic import Field

from imagebatch_core.model import Model
from imagebatch_core.spec import ImageBatchSpec, Output
from imagebatch_gateway.app import create_app
from imagebatch_gateway.routes import uploads
from imagebatch_gateway.settings import Settings
from imagebatch_gateway.uploads.form import form_model, upload_form
from unit.gateway.builders import CSV, FakeBatches


class NewOutput(Output):
    edge_blur: Annotated[int, Field(ge=0, le=9)] = Field(2, description="Pixels.")


class NewSpec(ImageBatchSpec):
    output: NewOutput = NewOutput()
    night_only: bool = False


async def upload(
    settings: Settings,
    store: MemoryStore,
    batches: FakeBatches,
    headers: dict[str, str] | None = None,
    **options: str,
) -> httpx.Response:
    """To a gateway of a release whose spec is :class:`NewSpec`."""
    app = create_app(settings, store, batches)
    # Dependencies can be overridden only in routes that are included into the application.
    app.router.routes.clear()
    app.include_router(uploads.router)
    app.dependency_overrides[uploads.read_form] = upload_form(NewSpec)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        files = {"file": ("p.csv", CSV)}
        return await http.post("/api/upload", files=files, data=options, headers=headers)


async def test_a_new_field_of_the_spec_or_its_output_is_an_option_of_uploads(
    settings: Settings, store: MemoryStore, batches: FakeBatches
) -> None:
    answer = await upload(settings, store, batches, edgeBlur="5", nightOnly="true")

    spec: Any = batches.stored[answer.json()["requestId"]].spec
    assert (spec.output.edge_blur, spec.night_only) == (5, True)


async def test_a_new_field_has_its_default_and_bounds_in_the_form(
    settings: Settings, store: MemoryStore, batches: FakeBatches
) -> None:
    left_out = await upload(settings, store, batches, edgeBlur="")
    too_high = await upload(settings, store, batches, edgeBlur="10")

    spec: Any = batches.stored[left_out.json()["requestId"]].spec
    assert spec.output.edge_blur == 2
    assert too_high.json()["errors"] == [
        {"field": "edgeBlur", "message": "Input should be less than or equal to 9"}
    ]


async def test_an_upload_that_is_repeated_after_an_upgrade_is_still_the_same_upload(
    http: httpx.AsyncClient, settings: Settings, store: MemoryStore, batches: FakeBatches
) -> None:
    files, data = {"file": ("p.csv", CSV)}, {"quality": "70"}
    key = {"Idempotency-Key": "order-1"}
    before = await http.post("/api/upload", files=files, data=data, headers=key)
    after = await upload(settings, store, batches, key, quality="70")
    other = await upload(settings, store, batches, key, quality="70", edgeBlur="3")

    assert after.json() == before.json()
    assert after.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422


def test_a_new_field_is_documented_as_the_spec_documents_it() -> None:
    documented = form_model(NewSpec).model_json_schema()["properties"]["edgeBlur"]

    assert (documented["minimum"], documented["maximum"]) == (0, 9)
    assert (documented["description"], documented["default"]) == ("Pixels.", 2)


def test_an_option_that_a_form_cannot_carry_stops_the_gateway() -> None:
    class Frame(Model):
        width: int = 0

    class FramedOutput(Output):
        frame: Frame | None = None

    class FramedSpec(ImageBatchSpec):
        output: FramedOutput = FramedOutput()

    class ListedSpec(ImageBatchSpec):
        sizes: tuple[int, ...] = ()

    for spec in (FramedSpec, ListedSpec):
        with pytest.raises(TypeError, match=r"cannot ask for (frame|sizes)"):
            form_model(spec)


def test_an_option_of_the_spec_cannot_hide_one_of_its_output() -> None:
    class TwiceSpec(ImageBatchSpec):
        quality: int = 1

    with pytest.raises(TypeError, match="two fields quality"):
        form_model(TwiceSpec)


async def test_uploads_are_documented_as_multipart_with_every_option_of_the_output(
    http: httpx.AsyncClient,
) -> None:
    document = (await http.get("/openapi.json")).json()
    (media_type,) = document["paths"]["/api/upload"]["post"]["requestBody"]["content"]
    form = document["components"]["schemas"]["UploadForm"]

    assert media_type == "multipart/form-data"
    assert form["required"] == ["file"]
    for field in Output.model_fields.values():
        documented = form["properties"][field.alias]
        assert documented["description"] == field.description
    assert form["properties"]["quality"]["maximum"] == 100
