"""Web pages: links and an upload form at /, the API reference at /docs. They use no CDN."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.page.hashed_files import HashedFiles

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)

_OWN: Final = Path(str(files("imagebatch_gateway.page"))) / "static"
_SWAGGER: Final = Path(str(files("fastapi_offline"))) / "static"

#: The static files of both pages, mounted at /static.
static: Final = HashedFiles([
    _OWN / "home.css",
    _OWN / "reference.js",
    _SWAGGER / "swagger-ui.css",
    _SWAGGER / "swagger-ui-bundle.js",
])  # fmt: skip

_DOCS: Final = f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ImageBatch API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/{static.names["swagger-ui.css"]}">
<body>
<div id="reference"><p>This page needs JavaScript; <a href="openapi.json">openapi.json</a> does
not.</p></div>
<script src="static/{static.names["swagger-ui-bundle.js"]}"></script>
<script src="static/{static.names["reference.js"]}"></script>
</body>
</html>
"""

_HOME: Final = f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ImageBatch</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/{static.names["home.css"]}">
<body>
<h1>ImageBatch</h1>
<p>Send a CSV or an Excel file (.xlsx) with the columns
<code>S. No.,Product Name,Input Image Urls</code>; every image is
fetched, compressed and stored, and the CSV comes back with the new URLs.</p>
<form action="api/upload" method="post" enctype="multipart/form-data">
<label>CSV or .xlsx <input type="file" name="file" accept=".csv,.xlsx,text/csv" required></label>
<label>Quality <input type="number" name="quality" min="1" max="100" placeholder="50"></label>
<label>Webhook <input type="url" name="webhookUrl" placeholder="https://"></label>
<button>Upload</button>
</form>
<h2>From a program</h2>
<ul>
<li><code>POST /api/upload</code>: multipart <code>file</code>, answers a requestId</li>
<li><code>GET /api/status/{{requestId}}</code>: state, progress, output URLs</li>
<li><code>GET /api/download/{{requestId}}</code>: the output CSV</li>
<li><a href="docs">API reference</a> (<a href="openapi.json">openapi.json</a>)</li>
<li><a href="readyz">Readiness</a></li>
</ul>
</body>
</html>
"""

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Swagger UI adds inline styles to the page.
_DOCS_CSP: Final = _CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


@router.get("/", dependencies=[needs(Action.OPEN)])
async def home() -> HTMLResponse:
    return HTMLResponse(_HOME, headers={"Content-Security-Policy": _CSP})


@router.get("/docs", dependencies=[needs(Action.OPEN)])
async def docs() -> HTMLResponse:
    return HTMLResponse(_DOCS, headers={"Content-Security-Policy": _DOCS_CSP})
