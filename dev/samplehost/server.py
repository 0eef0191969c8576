"""The routes of the sample host. Never expose it to the internet.

====================================== ==========================================================
``GET /photos/<name>``                 a photograph of :data:`samplehost.photos.PHOTOS`
``GET /photos/n/<number>.jpg``         any number of small ones, each with bytes of its own
``GET /members/<name>``                the same with ``Bearer $SAMPLEHOST_TOKEN``, else 401
``GET /not-an-image.jpg``              an HTML page under an image's name, answered with 200
``GET /broken.jpg``                    a JPEG that ends half way, answered with 200
``GET /slow?seconds=5&photo=…``        a photograph after a pause
``GET /flaky/<n>/<name>``              503 for the first n requests of this address, then the photo
``GET /status/<code>?retry_after=…``   that HTTP status
``GET /redirect?to=…``                 302 to there
``GET /stats``                         requests by route and by status; bytes sent
``GET /times?since=0``                 Unix times of the newest requests for photographs
``POST /hook[/<name>]?fail=n``         a webhook; ``GET /hooks?q=`` lists, ``DELETE`` forgets
``GET /healthz``                       200
====================================== ==========================================================
"""

from __future__ import annotations

import asyncio
import hmac
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from .hooks import HookLog
from .photos import PHOTOS, SMALL_FOLDER, numbered

_PAGE = b"<!doctype html><title>Sold out</title><p>This product is no longer available.</p>\n"
_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
_LONGEST_PAUSE = 600.0
#: How many times of requests are remembered.
_TIMES = 200_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SampleHost:
    """Serves the photographs of one folder, drawn by :func:`samplehost.photos.draw`."""

    def __init__(self, folder: Path) -> None:
        self._photos = {photo.name: (folder / photo.name).read_bytes() for photo in PHOTOS}
        self._small = [path.read_bytes() for path in sorted((folder / SMALL_FOLDER).iterdir())]
        self._requests: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._bytes = 0
        self._times: deque[float] = deque(maxlen=_TIMES)
        self._flaky: Counter[str] = Counter()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._counted])
        app.router.add_get("/photos/n/{number:[0-9]+}.jpg", self.small)
        app.router.add_get("/photos/{name}", self.photo)
        app.router.add_get("/members/{name}", self.member_photo)
        app.router.add_get("/not-an-image.jpg", self.page)
        app.router.add_get("/broken.jpg", self.broken)
        app.router.add_get("/slow", self.slow)
        app.router.add_get("/flaky/{count:[0-9]+}/{name}", self.flaky)
        app.router.add_get("/status/{code:[1-5][0-9][0-9]}", self.status)
        app.router.add_get("/redirect", self.redirect)
        app.router.add_get("/stats", self.stats)
        app.router.add_get("/times", self.times)
        app.router.add_get("/healthz", self.healthz)
        HookLog().add_routes(app)
        return app

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        self._requests[route] += 1
        if route.startswith("/photos/"):
            self._times.append(time.time())
        try:
            response = await handler(request)
        except web.HTTPException as error:
            self._statuses[str(error.status)] += 1
            raise
        self._statuses[str(response.status)] += 1
        self._bytes += response.content_length or 0
        return response

    def _answer(self, name: str) -> web.Response:
        content = self._photos.get(name)
        if content is None:
            raise web.HTTPNotFound(text=f"no photograph {name}\n")
        return web.Response(body=content, content_type=_TYPES[Path(name).suffix])

    async def photo(self, request: web.Request) -> web.Response:
        return self._answer(request.match_info["name"])

    async def member_photo(self, request: web.Request) -> web.Response:
        token = os.environ.get("SAMPLEHOST_TOKEN")
        given = request.headers.get("Authorization", "")
        if not token or not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        return self._answer(request.match_info["name"])

    async def small(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        content = numbered(self._small[number % len(self._small)], number)
        return web.Response(body=content, content_type="image/jpeg")

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(body=_PAGE, content_type="text/html")

    async def broken(self, _: web.Request) -> web.Response:
        content = self._photos["chelsea.jpg"]
        return web.Response(body=content[: len(content) // 2], content_type="image/jpeg")

    async def slow(self, request: web.Request) -> web.Response:
        await asyncio.sleep(min(float(request.query.get("seconds", "5")), _LONGEST_PAUSE))
        return self._answer(request.query.get("photo", "hubble.jpg"))

    async def flaky(self, request: web.Request) -> web.Response:
        self._flaky[request.path_qs] += 1
        if self._flaky[request.path_qs] <= int(request.match_info["count"]):
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "0"})
        return self._answer(request.match_info["name"])

    async def status(self, request: web.Request) -> web.Response:
        wait = request.query.get("retry_after")
        headers = {"Retry-After": wait} if wait else {}
        return web.Response(status=int(request.match_info["code"]), headers=headers)

    async def redirect(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.query["to"]})

    async def stats(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"requests": self._requests, "statuses": self._statuses, "bytes": self._bytes}
        )

    async def times(self, request: web.Request) -> web.Response:
        since = float(request.query.get("since", "0"))
        return web.json_response([moment for moment in self._times if moment >= since])

    async def healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")


async def serve(folder: Path, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM. The first line of output contains the server's URL."""
    runner = web.AppRunner(SampleHost(folder).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    address, bound, *_ = runner.addresses[0]
    shown = f"[{address}]" if ":" in address else address
    sys.stdout.write(f"samplehost listens on http://{shown}:{bound}\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await runner.cleanup()
