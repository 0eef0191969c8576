"""Without JavaScript, a refused or checked file comes back with the options that were chosen."""

from __future__ import annotations

import re

import httpx
import pytest

from imagebatch_gateway.page.sent_fields import SentFields
from unit.gateway.builders import CSV, FakeBatches

OPTIONS = {
    "format": "webp",
    "quality": "71",
    "maxWidth": "1234",
    "maxHeight": "77",
    "profile": "small",
    "metadata": "keep",
    "webhookUrl": "https://shop.example/hook",
    "reuseFrom": "earlier",
    "imageUrlColumns": 'Photo "1" <b>',
    "productNameColumn": "Title",
    "serialNumberColumn": "No",
    "baseUrl": "https://shop.example/media",
    "sheet": "July",
}


def shown(page: str) -> dict[str, str]:
    """Return the values that the form of a page has."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name, value = re.search(r' name="(\w+)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and value and ("radio" not in tag or " checked" in tag):
            found[name[1]] = value[1]
    for name, options in re.findall(r'<select[^>]* name="(\w+)">(.*?)</select>', page):
        chosen = re.search(r'value="(\w+)" selected', options)
        found[name] = chosen[1] if chosen else "the first"
    return found


@pytest.mark.parametrize("path", ["/new", "/new/check"])
async def test_the_options_of_a_form_come_back(
    http: httpx.AsyncClient, batches: FakeBatches, path: str
) -> None:
    answer = await http.post(path, files={"file": ("a.csv", b"a,b\n1,2\n")}, data=OPTIONS)
    kept = shown(answer.text)
    expected = {**OPTIONS, "imageUrlColumns": "Photo &#34;1&#34; &lt;b&gt;"}
    assert {name: kept[name] for name in OPTIONS} == expected
    assert answer.status_code == 400
    assert batches.stored == {}


async def test_the_options_come_back_with_the_check_of_a_good_file(http: httpx.AsyncClient) -> None:
    options = {"quality": "71", "format": "webp"}
    answer = await http.post("/new/check", files={"file": ("a.csv", CSV)}, data=options)
    assert "<dt>Images</dt>" in answer.text
    kept = shown(answer.text)
    assert {name: kept[name] for name in options} == options
    assert kept["profile"] == "the first"


def body(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    return (
        b"".join(
            f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode()
            + value
            + b"\r\n"
            for head, value in parts
        )
        + f"--{boundary}--\r\n".encode()
    )


def test_fields_are_read_from_pieces_of_any_size_and_files_are_not_kept() -> None:
    sent = body(
        "xyz",
        ('name="file"; filename="a.csv"', b"secret\r\n--xy" * 1000),
        ('name="quality"', b"70"),
        ('name="name"', "Fr\u00fchling\r\n--xy".encode()),
    )
    for size in (1, 7, 4096, len(sent)):
        form = SentFields('multipart/form-data; boundary="xyz"')
        for at in range(0, len(sent), size):
            form.feed(sent[at : at + size])
        assert form.fields == {"quality": "70", "name": "Fr\u00fchling\r\n--xy"}


def test_what_is_no_form_has_no_fields_and_what_is_too_long_is_cut() -> None:
    for kind in ("", "text/csv", "multipart/form-data", "multipart/form-data; boundary=x"):
        form = SentFields(kind)
        form.feed(b"--y\r\nnonsense")
        assert form.fields == {}
    form = SentFields("multipart/form-data; boundary=x")
    form.feed(body("x", *[(f'name="f{n}"', b"a" * 9000) for n in range(200)]))
    assert len(form.fields) == 60
    assert {len(value) for value in form.fields.values()} == {4000}
