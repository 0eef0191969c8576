"""When a call is sent again."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from imagebatch import (
    Conflict,
    GatewayFailed,
    GatewayUnreachable,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotReady,
    Patch,
    UnexpectedResponse,
    UploadOptions,
)
from unit.client.gateway import UPLOADED, ScriptedGateway, a_request, problem

CSV = b"S. No.,Product Name,Input Image Urls\n1,Mug,http://a.example/b.jpg\n"


def test_an_upload_is_repeated_whole_with_the_same_key() -> None:
    gateway = ScriptedGateway(
        httpx.ReadError("reset"), problem(503), httpx.Response(200, json=UPLOADED)
    )
    with gateway.client() as client:
        upload = client.upload(io.BytesIO(CSV), UploadOptions(quality=60, dry_run=True))

    assert upload.request_id == "r1"
    keys = {request.headers["Idempotency-Key"] for request in gateway.sent}
    assert len(keys) == 1
    for request, body in zip(gateway.sent, gateway.bodies, strict=True):
        assert CSV in body
        assert re.search(rb'name="quality"\r\n\r\n60\r\n', body)
        assert re.search(rb'name="dryRun"\r\n\r\ntrue\r\n', body)
        assert int(request.headers["Content-Length"]) == len(body)


def test_two_uploads_have_two_keys() -> None:
    gateway = ScriptedGateway(*[httpx.Response(200, json=UPLOADED)] * 2)
    with gateway.client() as client:
        client.upload(io.BytesIO(CSV))
        client.upload(io.BytesIO(CSV))
    first, second = (request.headers["Idempotency-Key"] for request in gateway.sent)
    assert first != second


def test_a_stream_that_cannot_be_read_twice_is_repeated_too() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    gateway = ScriptedGateway(problem(503), httpx.Response(200, json=UPLOADED))
    with gateway.client() as client:
        client.upload(Pipe(CSV), name="stdin.csv")
    assert all(CSV in body and b"stdin.csv" in body for body in gateway.bodies)


def test_waits_grow_and_retry_after_replaces_them() -> None:
    gateway = ScriptedGateway(
        problem(502), problem(503, Retry_After="7"), httpx.Response(200, json=a_request())
    )
    with gateway.client() as client:
        client.status("r1")
    assert gateway.waits == [1.0, 7.0]


def test_retry_after_may_be_a_date() -> None:
    at = datetime.now(UTC) + timedelta(seconds=30)
    late = problem(503, Retry_After=format_datetime(at, usegmt=True))
    gateway = ScriptedGateway(late, httpx.Response(200, json=a_request()))
    with gateway.client() as client:
        client.status("r1")
    assert 25 < gateway.waits[0] <= 30


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (problem(503, "away"), GatewayFailed),
        (httpx.ConnectError("refused"), GatewayUnreachable),
    ],
)
def test_attempts_end(last: httpx.Response | httpx.TransportError, error: type[Exception]) -> None:
    gateway = ScriptedGateway(problem(500), problem(504), last)
    with gateway.client() as client, pytest.raises(error):
        client.status("r1")
    assert len(gateway.waits) == 2


def test_a_long_retry_after_is_not_waited_for() -> None:
    gateway = ScriptedGateway(problem(503, Retry_After="3600"))
    with gateway.client() as client, pytest.raises(GatewayFailed):
        client.status("r1")
    assert gateway.waits == []


def test_a_used_up_quota_without_retry_after_is_final() -> None:
    gateway = ScriptedGateway(problem(429, "quota of the namespace"))
    with gateway.client() as client, pytest.raises(GatewayFailed, match="quota of the namespace"):
        client.upload(io.BytesIO(CSV))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidInput),
        (401, NotAllowed),
        (403, NotAllowed),
        (404, NotFound),
        (409, Conflict),
        (410, NotFound),
        (413, InvalidInput),
        (422, InvalidInput),
    ],
)
def test_a_refusal_is_final(status: int, error: type[Exception]) -> None:
    gateway = ScriptedGateway(problem(status, "told why"))
    with gateway.client() as client, pytest.raises(error, match="told why"):
        client.patch("r1", Patch(suspend=True))
    assert gateway.waits == []


def test_results_that_may_still_come_are_an_error_of_their_own() -> None:
    gateway = ScriptedGateway(problem(409, "not yet", Retry_After="2"))
    with gateway.client() as client, pytest.raises(NotReady):
        client.download("r1", io.BytesIO())


def test_a_replay_is_not_repeated_once_it_may_have_been_sent() -> None:
    gateway = ScriptedGateway(httpx.ReadError("reset"))
    with gateway.client() as client, pytest.raises(GatewayUnreachable):
        client.replay_webhook("r1")
    refused = ScriptedGateway(problem(503))
    with refused.client() as client, pytest.raises(GatewayFailed):
        client.replay_webhook("r1")
    assert gateway.waits == refused.waits == []


def test_a_replay_is_repeated_while_nothing_of_it_was_sent() -> None:
    delivery = {"url": "http://hook.example", "eventId": "e1"}
    gateway = ScriptedGateway(
        httpx.ConnectError("refused"),
        problem(429, Retry_After="1"),
        httpx.Response(202, json=delivery),
    )
    with gateway.client() as client:
        assert client.replay_webhook("r1").event_id == "e1"


def test_the_token_is_sent_to_the_gateway() -> None:
    gateway = ScriptedGateway(httpx.Response(200, json=a_request()))
    with gateway.client(token="ibk_secret", namespace="shop") as client:
        client.status("r1")
    (request,) = gateway.sent
    assert request.headers["Authorization"] == "Bearer ibk_secret"
    assert request.url.params["namespace"] == "shop"


def test_a_redirect_is_told_and_not_followed() -> None:
    moved = httpx.Response(308, headers={"Location": "https://gateway.test/api"})
    gateway = ScriptedGateway(moved)
    with (
        gateway.client() as client,
        pytest.raises(InvalidInput, match=r"https://gateway\.test/api"),
    ):
        client.upload(io.BytesIO(CSV))


def test_what_is_no_gateway_is_told() -> None:
    gateway = ScriptedGateway(httpx.Response(200, text="<html>Welcome to nginx</html>"))
    with gateway.client() as client, pytest.raises(UnexpectedResponse):
        client.status("r1")


def test_a_url_without_a_scheme_is_refused() -> None:
    from imagebatch import Client

    with pytest.raises(ValueError, match="must begin with http"):
        Client("gateway.test")
