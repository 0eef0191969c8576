"""Every view, light and dark, wide and narrow: it breaks no rule of axe, and nothing sticks out.

The pictures of docs/page.md are made here: `make screenshots`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from integration.page.scenes import furnish
from integration.page.shop import Shop

WIDTHS = {"wide": 1280, "narrow": 360}
_QUALITY = 80


def _opened(path: str) -> Callable[[Page, Shop, dict[str, str]], None]:
    def show(page: Page, shop: Shop, made: dict[str, str]) -> None:
        page.goto(shop.url + path.format(**made))

    return show


def _checked(page: Page, shop: Shop, _: dict[str, str]) -> None:
    page.goto(f"{shop.url}/new")
    text = shop.sample() + "8,Poster,n/a\n9,Vase,\n"
    file = {"name": "summer.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.locator("input[type=file]").set_input_files(files=[file])  # type: ignore[list-item]
    expect(page.locator("#checked")).to_contain_text("Problems")


def _terminal(page: Page, shop: Shop, made: dict[str, str]) -> None:
    page.goto(f"{shop.url}/requests/{made['done']}")
    page.locator("#terminal > summary").click()


VIEWS: dict[str, Callable[[Page, Shop, dict[str, str]], None]] = {
    "requests": _opened("/"),
    "nothing-found": _opened("/?q=nothing"),
    "new": _checked,
    "request": _opened("/requests/{done}"),
    "running": _opened("/requests/{running}"),
    "confirm": _opened("/requests/{awaits}"),
    "failed": _opened("/requests/{failed}"),
    "images": _opened("/requests/{done}/images"),
    "terminal": _terminal,
    "signin": _opened("/signin?next=new"),
    "missing": _opened("/requests/none"),
}


@pytest.fixture(scope="module")
def made(shop: Shop) -> dict[str, str]:
    return furnish(shop)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted = os.environ.get("IMAGEBATCH_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_every_view_is_accessible_and_fits(
    shop: Shop,
    made: dict[str, str],
    browser: Browser,
    pictures: Path,
    axe: Axe,
    *,
    scheme: str,
    width: str,
) -> None:
    options = {"color_scheme": scheme, "locale": "en-GB", "reduced_motion": "reduce"}
    size = {"width": WIDTHS[width], "height": 800}
    with browser.new_context(**options, viewport=size) as context:  # type: ignore[arg-type]
        page = context.new_page()
        for name, show in VIEWS.items():
            show(page, shop, made)
            page.wait_for_function("document.documentElement.classList.contains('scripted')")
            page.wait_for_timeout(700)
            found = axe.run(page).response["violations"]
            assert found == [], f"{name}: {[(one['id'], one['nodes'][0]['html']) for one in found]}"
            wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, f"{name} is {wider} pixels too wide"
            picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
            target = pictures / f"{name}-{scheme}-{width}.webp"
            picture.convert("RGB").save(target, "WEBP", quality=_QUALITY, method=6)
