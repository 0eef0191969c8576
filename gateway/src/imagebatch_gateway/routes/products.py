"""GET /api/products/{request_id}: lists the rows of a request with their outputs."""

from __future__ import annotations

from fastapi import APIRouter

from imagebatch_gateway.access.caller import Action
from imagebatch_gateway.access.needs import GuardedRoute, needs
from imagebatch_gateway.answers.documented import NO_PAGE, refusals
from imagebatch_gateway.answers.result_models import ProductList
from imagebatch_gateway.requests.place import Place
from imagebatch_gateway.services import LinksOf, ServicesOf

from .paging import Cursor, Limit

router = APIRouter(tags=["results"], route_class=GuardedRoute)


@router.get(
    "/api/products/{request_id}",
    dependencies=[needs(Action.GET)],
    operation_id="listProducts",
    summary="The products of a request with their outputs, also while it runs",
    responses=refusals(*NO_PAGE),
)
async def list_products(
    request_id: str,
    services: ServicesOf,
    links: LinksOf,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ProductList:
    """Products are in input order. The list is empty until the request is planned."""
    place = Place.from_cursor(cursor)
    batch = await services.lookup.batch(request_id)
    keys = services.lookup.keys_of(batch)
    page = await services.products.page(batch, keys, place.row, limit)
    following = None
    if page.next_row is not None:
        path, after = f"/api/products/{request_id}", Place(page.next_row).cursor()
        following = links.page(path, limit=limit, cursor=after)
    return ProductList(items=list(page.products), next=following)
