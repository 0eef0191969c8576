"""The pages for people: links and a form at /, the API reference at /docs. No CDN."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from imagebatch_gateway.answers.problems import Problem

router = APIRouter(include_in_schema=False)

_ASSET_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}

_START: Final = """\
SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#reference",
  deepLinking: true,
  validatorUrl: null,
});
"""

_DOCS: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ImageBatch API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<body>
<div id="reference"><p>This page needs JavaScript; <a href="openapi.json">openapi.json</a> does
not.</p></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

_HOME: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ImageBatch</title>
<link rel="icon" href="data:,">
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }
code { background: #eee; padding: .1em .3em } label { display: block; margin: .8rem 0 }
</style>
<body>
<h1>ImageBatch</h1>
<p>Send a CSV with the columns <code>S. No.,Product Name,Input Image Urls</code>; every image is
fetched, compressed and stored, and the CSV comes back with the new URLs.</p>
<form action="api/upload" method="post" enctype="multipart/form-data">
<label>CSV <input type="file" name="file" accept=".csv,text/csv" required></label>
<label>Quality <input type="number" name="quality" min="1" max="100" placeholder="50"></label>
<label>Webhook <input type="url" name="webhookUrl" placeholder="https://"></label>
<button>Upload</button>
</form>
<h2>From a program</h2>
<ul>
<li><code>POST /api/upload</code>: multipart <code>file</code>, answers a requestId</li>
<li><code>GET /api/status/{requestId}</code>: state, progress, output URLs</li>
<li><code>GET /api/download/{requestId}</code>: the output CSV</li>
<li><a href="docs">API reference</a> (<a href="openapi.json">openapi.json</a>)</li>
<li><a href="readyz">Readiness</a></li>
</ul>
</body>
</html>
"""

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)


@router.get("/")
async def home() -> HTMLResponse:
    return HTMLResponse(_HOME, headers={"Content-Security-Policy": _CSP})


@router.get("/docs")
async def docs() -> HTMLResponse:
    return HTMLResponse(_DOCS, headers={"Content-Security-Policy": _CSP})


@router.get("/docs/start.js")
async def docs_start() -> Response:
    return Response(_START, media_type="text/javascript")


@router.get("/docs/{name}")
async def docs_asset(name: str) -> FileResponse:
    if name not in _ASSET_TYPES:
        raise Problem(404, "no-file", "No such file")
    assets = files("fastapi_offline") / "static"
    return FileResponse(str(assets / name), media_type=_ASSET_TYPES[name])
