from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_pictures_of_the_documents_are_those_that_are_drawn() -> None:
    shown = set()
    for page in (DOCS / "page.md", DOCS.parent / "README.md"):
        shown |= set(re.findall(r"images/page/([\w-]+\.webp)", page.read_text()))
    drawn = {picture.name for picture in (DOCS / "images" / "page").glob("*.webp")}

    assert drawn == shown
