"""The API reference at /docs, from files of the gateway's own. No CDN."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs

from .page_answers import CSP, static

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)
#: A page asks nothing itself: its caller is judged by the calls that it makes.
_OPEN: Final = [needs(Action.OPEN)]

_DOCS: Final = f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>ImageBatch API</title>
<link rel="icon" href="static/{static.names["icon.svg"]}">
<link rel="stylesheet" href="static/{static.names["swagger-ui.css"]}">
<body>
<div id="reference"><p>This page needs JavaScript; <a href="openapi.json">openapi.json</a> does
not.</p></div>
<script src="static/{static.names["swagger-ui-bundle.js"]}"></script>
<script src="static/{static.names["reference.js"]}"></script>
</body>
</html>
"""
# Swagger UI sets styles in the document.
_DOCS_CSP: Final = CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


@router.get("/docs", dependencies=_OPEN)
async def docs() -> HTMLResponse:
    return HTMLResponse(_DOCS, headers={"Content-Security-Policy": _DOCS_CSP})
