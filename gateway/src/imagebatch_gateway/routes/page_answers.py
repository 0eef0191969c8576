"""Parts that all pages share: their frame, their security headers, and error messages."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from imagebatch_gateway.access.same_origin import from_foreign_page
from imagebatch_gateway.page.calls import Answer, call
from imagebatch_gateway.page.hashed_files import HashedFiles
from imagebatch_gateway.page.offers import Offers
from imagebatch_gateway.page.rendering import environment
from imagebatch_gateway.services import Services, ServicesOf

_PAGE: Final = Path(str(files("imagebatch_gateway.page")))
_SWAGGER: Final = Path(str(files("fastapi_offline"))) / "static"

#: Mounted at /static.
static: Final = HashedFiles(
    [_SWAGGER / "swagger-ui.css", _SWAGGER / "swagger-ui-bundle.js"], folder=_PAGE / "static"
)
_templates: Final = environment()

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


class Frame:
    """Renders pages for one request: a FastAPI dependency.

    ``root`` leads from the page's address to the gateway's first page, so that a proxy may put the
    gateway under any path.
    """

    def __init__(self, request: Request, services: Services) -> None:
        self.request = request
        self.services = services
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        self.root = "../" * (path.count("/") - 1) or "./"
        self.gateway = services.settings.gateway_url or str(request.base_url).rstrip("/")
        self.offers = _offers_of(request)
        self._me: dict[str, Any] | None = None

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """Call the API. Raises SignedOut."""
        answer = await call(self.request, method, path, **options)
        if answer.status == 401:
            raise SignedOut(self)
        return answer

    async def sign_in(self, token: str) -> Answer:
        """Open a session. A refusal is the caller's to show."""
        return await call(self.request, "POST", "/api/session", body={"token": token})

    async def me(self) -> dict[str, Any]:
        """Return the caller of the page, and what the caller may do."""
        if self._me is None:
            answer = await call(self.request, "GET", "/api/me")
            self._me = answer.json() if answer.ok else {}
        return self._me

    async def page(
        self, template: str, status: int = 200, images: Iterable[str] = (), **context: Any
    ) -> HTMLResponse:
        """Render a template. ``images``: addresses of other hosts whose images it shows."""
        text = _templates.get_template(template).render(
            root=self.root,
            static=static.names,
            offers=self.offers,
            me=await self.me(),
            namespace=self.services.settings.namespace,
            **context,
        )
        parts = {urlsplit(address) for address in images}
        hosts = sorted({f"{p.scheme}://{p.netloc}" for p in parts if p.scheme and p.netloc})
        policy = CSP.replace("img-src 'self'", " ".join(["img-src 'self'", *hosts]))
        headers = {"Content-Security-Policy": policy, "Vary": "Cookie, Authorization"}
        return HTMLResponse(text, status, headers)

    async def refusal(self, answer: Answer) -> HTMLResponse:
        """Return the page that shows only an error response of the API."""
        return await self.page("refused.html", answer.status, problem=problem_of(answer))

    def to(self, path: str) -> RedirectResponse:
        """Lead to another page, below the gateway's first one, by GET."""
        return RedirectResponse(self.root + path, 303)


class SignedOut(HTTPException):
    """The API wants to know who calls: the page leads to where one signs in."""

    def __init__(self, frame: Frame) -> None:
        request = frame.request
        path = request.url.path.removeprefix(request.scope.get("root_path", "")).lstrip("/")
        back = f"{path}?{request.url.query}" if request.url.query else path
        target = f"{frame.root}signin" + (f"?next={quote(back)}" if request.method == "GET" else "")
        super().__init__(303, headers={"Location": target})


def problem_of(answer: Answer) -> dict[str, Any]:
    """Return an error response for templates: status, message, detail, errors, and whether to
    retry."""
    body = answer.json()
    problem = body if isinstance(body, dict) else {}
    title = problem.get("title") or "The gateway could not answer"
    return {
        "status": answer.status,
        "title": title,
        "message": problem.get("message") or title,
        "detail": problem.get("detail"),
        "errors": problem.get("errors") or [],
        "retry_after": answer.headers.get("retry-after"),
        "request_id": answer.headers.get("x-request-id"),
    }


def own_form(request: Request) -> None:
    """Refuse a form that another site's page sends."""
    if from_foreign_page(request, request.method, strict=False):
        raise HTTPException(403, "This form was sent from another site's page.")


def _offers_of(request: Request) -> Offers:
    state = request.app.state
    if not hasattr(state, "offers"):
        state.offers = Offers.of(request.app.openapi())
    offers = state.offers
    assert isinstance(offers, Offers)  # noqa: S101 - put there above
    return offers


def _frame(request: Request, services: ServicesOf) -> Frame:
    return Frame(request, services)


FrameOf = Annotated[Frame, Depends(_frame)]
