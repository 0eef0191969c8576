"""Parts that all pages share: their frame, their security headers, and error messages."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from imagebatch_gateway.access.same_origin import from_foreign_page
from imagebatch_gateway.page.calls import Answer, call, pass_on
from imagebatch_gateway.page.hashed_files import HashedFiles
from imagebatch_gateway.page.offers import Offers
from imagebatch_gateway.page.rendering import environment
from imagebatch_gateway.services import SettingsOf

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

    def __init__(self, request: Request, settings: SettingsOf) -> None:
        self.request = request
        self.home = settings.namespace
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        self.root = "../" * (path.count("/") - 1) or "./"
        #: The namespace that the page is about, where its address names one.
        self.namespace = request.query_params.get("namespace") or None
        self.gateway = settings.gateway_url or str(request.base_url).rstrip("/")
        self.offers = _offers_of(request)
        #: Where images of the gateway come from in the end, if it redirects to the object store.
        self._store = request.app.state.services.objects.redirects_to
        self._me: dict[str, Any] | None = None

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """Call the API. Raises SignedOut."""
        query = {**options.pop("query", {}), "namespace": self.namespace}
        answer = await call(self.request, method, path, query=query, **options)
        if answer.status == 401:
            raise SignedOut(self)
        return answer

    async def pass_on(self, path: str) -> Answer:
        """POST this page's own body to the API. Raises SignedOut."""
        answer = await pass_on(self.request, path, self.namespace)
        if answer.status == 401:
            raise SignedOut(self)
        return answer

    async def sign_in(self, token: str) -> Answer:
        """Open a session. A refusal is the caller's to show."""
        return await call(self.request, "POST", "/api/session", body={"token": token})

    async def me(self) -> dict[str, Any]:
        """Return the caller of the page, and what the caller may do."""
        if self._me is None:
            query = {"namespace": self.namespace}
            answer = await call(self.request, "GET", "/api/me", query=query)
            self._me = answer.json() if answer.ok else {}
        return self._me

    async def page(
        self, template: str, status: int = 200, images: Iterable[str] = (), **context: Any
    ) -> HTMLResponse:
        """Render a template. ``images``: addresses of other hosts whose images it shows."""
        me = await self.me()
        text = _templates.get_template(template).render(
            root=self.root,
            link=self.link,
            chosen=self.namespace,
            static=static.names,
            offers=self.offers,
            me=me,
            namespace=self.namespace or me.get("namespace") or self.home,
            **context,
        )
        parts = {urlsplit(address) for address in (*images, self._store) if address}
        hosts = sorted({f"{p.scheme}://{p.netloc}" for p in parts if p.scheme and p.netloc})
        policy = CSP.replace("img-src 'self'", " ".join(["img-src 'self'", *hosts]))
        headers = {"Content-Security-Policy": policy, "Vary": "Cookie, Authorization"}
        return HTMLResponse(text, status, headers)

    async def refusal(self, answer: Answer) -> HTMLResponse:
        """Return the page that shows only an error response of the API."""
        return await self.page(
            "refused.html",
            answer.status,
            problem=problem_of(answer),
            looks_again=self.request.method == "GET",
        )

    def to(self, path: str) -> RedirectResponse:
        """Lead to another page, below the gateway's first one, by GET."""
        return RedirectResponse(self.link(path), 303)

    def link(self, path: str, **query: str) -> str:
        """The address of a page or call, seen from this page. Empty parts of ``query`` are left
        out; the namespace of this page is added.
        """
        given = {name: value for name, value in query.items() if value}
        if self.namespace:
            given["namespace"] = self.namespace
        return self.root + path + (f"?{urlencode(given)}" if given else "")


class SignedOut(HTTPException):
    """The API wants to know who calls: the page leads to where one signs in."""

    def __init__(self, frame: Frame) -> None:
        request = frame.request
        path = request.url.path.removeprefix(request.scope.get("root_path", "")).lstrip("/")
        back = f"{path}?{request.url.query}" if request.url.query else path
        # What a form led to cannot be loaded: the page that it stands on can.
        back = back if request.method == "GET" else "new" if path.startswith("new") else ""
        target = f"{frame.root}signin?next={quote(back)}"
        super().__init__(303, headers={"Location": target})


def problem_of(answer: Answer) -> dict[str, Any]:
    """Return an error response as a dictionary for templates.

    Its keys are status, title, message, detail, errors, ``retry_after`` (the header's text or
    ``None``) and ``request_id``.
    """
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


# Not the services of the page's namespace: nobody has judged yet whether the caller may reach them.
FrameOf = Annotated[Frame, Depends(Frame)]
