"""Every call of the gateway as a value: pure functions that both clients share."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any, Generic, Literal, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from pydantic import BaseModel

from . import models
from .bodies import NewKey, NewRequest, Patch, RetryOnly, TableOptions, UploadOptions
from .key_models import Caller, Key, NewlyMadeKey

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

#: Ranges count stored bytes, so a body must not be compressed on its way.
_AS_STORED = {"Accept-Encoding": "identity"}

#: A comment comes every 15 s in a stream of events.
_EVENTS_SILENCE = 45.0

DownloadFormat = Literal["csv", "jsonl", "failed", "zip"]


@dataclass(frozen=True, slots=True)
class File:
    """A file that is uploaded: its content, which must be seekable, and its name."""

    content: IO[bytes]
    name: str


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call: what is sent, and how the response is read.

    ``repeatable`` says that sending it twice has the effect of sending it once.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    #: Seconds without a byte after which the connection counts as broken; None: the client's.
    silence: float | None = None
    form: Mapping[str, str] | None = None
    file: File | None = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``cursor`` of the next page is None on the last one."""

    items: list[T]
    cursor: str | None


def _model(model: type[M]) -> Callable[[httpx.Response], M]:
    return lambda response: model.model_validate_json(response.content)


def _page(model: type[M]) -> Callable[[httpx.Response], Page[M]]:
    def read(response: httpx.Response) -> Page[M]:
        body = response.json()
        items = [model.model_validate(item) for item in body["items"]]
        return Page(items, _cursor(body.get("next")))

    return read


def _cursor(address: str | None) -> str | None:
    """Return the cursor in the address of a next page.

    Only the cursor is taken: behind a port-forward, the gateway's own address is another one than
    the caller's.
    """
    if address is None:
        return None
    (cursor,) = parse_qs(urlsplit(address).query)["cursor"]
    return cursor


def _nothing(_response: httpx.Response) -> None:
    return None


def _request(request_id: str, *rest: str) -> str:
    return "/".join(["/api/requests", quote(request_id, safe=""), *rest])


def _given(**params: object) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if value is not None}


def _key(idempotency_key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}


def _form(options: TableOptions | None) -> dict[str, str]:
    given = options.given_fields() if options is not None else {}
    return {name: _text(value) for name, value in given.items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def upload(
    file: File, options: UploadOptions | None, idempotency_key: str | None
) -> Call[models.Upload]:
    return Call(
        "POST",
        "/api/upload",
        _model(models.Upload),
        headers=_key(idempotency_key),
        form=_form(options),
        file=file,
    )


def validate(file: File, options: TableOptions | None) -> Call[models.Validation]:
    form = _form(options)
    return Call("POST", "/api/validate", _model(models.Validation), form=form, file=file)


def create(body: NewRequest, idempotency_key: str | None) -> Call[models.Created]:
    return Call(
        "POST",
        "/api/requests",
        _model(models.Created),
        headers=_key(idempotency_key),
        json=body.given_fields(),
    )


def status(request_id: str) -> Call[models.Request]:
    return Call("GET", _request(request_id), _model(models.Request))


def requests(
    status: models.RequestStatus | None, search: str | None, limit: int
) -> Call[Page[models.RequestSummary]]:
    params = _given(status=status, q=search, limit=limit)
    return Call("GET", "/api/requests", _page(models.RequestSummary), params=params)


def patch(request_id: str, body: Patch) -> Call[models.Request]:
    return Call("PATCH", _request(request_id), _model(models.Request), json=body.set_fields())


def delete(request_id: str) -> Call[None]:
    return Call("DELETE", _request(request_id), _nothing)


def retry(request_id: str, only: RetryOnly, idempotency_key: str | None) -> Call[models.Created]:
    return Call(
        "POST",
        _request(request_id, "retry"),
        _model(models.Created),
        headers=_key(idempotency_key),
        json={"only": only},
    )


def images(
    request_id: str, status: str | None, code: str | None, row: int | None, limit: int
) -> Call[Page[models.Image]]:
    params = _given(status=status, code=code, row=row, limit=limit)
    return Call("GET", _request(request_id, "images"), _page(models.Image), params=params)


def failures(request_id: str) -> Call[Page[models.Failure]]:
    return Call("GET", _request(request_id, "failures"), _page(models.Failure))


def products(request_id: str, limit: int) -> Call[Page[models.Product]]:
    path = f"/api/products/{quote(request_id, safe='')}"
    return Call("GET", path, _page(models.Product), params=_given(limit=limit))


def webhook(request_id: str) -> Call[models.WebhookDelivery]:
    return Call("GET", _request(request_id, "webhook"), _model(models.WebhookDelivery))


def replay_webhook(request_id: str) -> Call[models.WebhookDelivery]:
    path = _request(request_id, "webhook", "replay")
    return Call("POST", path, _model(models.WebhookDelivery), repeatable=False)


def me() -> Call[Caller]:
    return Call("GET", "/api/me", _model(Caller))


def keys() -> Call[Page[Key]]:
    return Call("GET", "/api/keys", _page(Key))


def create_key(body: NewKey) -> Call[NewlyMadeKey]:
    read = _model(NewlyMadeKey)
    return Call("POST", "/api/keys", read, json=body.given_fields(), repeatable=False)


def revoke_key(key_id: str) -> Call[None]:
    return Call("DELETE", f"/api/keys/{quote(key_id, safe='')}", _nothing)


def events(request_id: str, last_id: str | None) -> Call[None]:
    headers = {"Accept": "text/event-stream"}
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    return Call(
        "GET", _request(request_id, "events"), _nothing, headers=headers, silence=_EVENTS_SILENCE
    )


def download(request_id: str, format_: DownloadFormat, *, raw: bool) -> Call[None]:
    path = f"/api/download/{quote(request_id, safe='')}"
    params = _given(format=format_, raw="1" if raw else None)
    return Call("GET", path, _nothing, params=params, headers=_AS_STORED)


def output(image: models.Image) -> Call[None]:
    """Return the call that reads an image's output.

    An output that the gateway serves is read at the address at which the caller reaches the
    gateway. Any other is read at its public address, to which no token is sent.

    Raises ValueError if the image has no output.
    """
    if image.output_url is None:
        raise ValueError(f"image {image.position} of row {image.row} has no output")
    path = f"/files/{image.output_key}"
    served = image.output_key is not None and urlsplit(image.output_url).path.endswith(path)
    return Call("GET", path if served else image.output_url, _nothing, headers=_AS_STORED)


def next_page(call: Call[Page[T]], cursor: str) -> Call[Page[T]]:
    return replace(call, params={**call.params, "cursor": cursor})


def following(call: Call[None], received: int, etag: str | None) -> Call[None]:
    """Return the call that continues a download behind its first ``received`` bytes."""
    if received == 0 or etag is None:
        return call
    wanted = {"Range": f"bytes={received}-", "If-Range": etag}
    return replace(call, headers={**call.headers, **wanted})
