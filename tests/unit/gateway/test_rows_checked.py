"""How many rows are checked before the response, and what is found at the level of an address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from obstore.store import MemoryStore

from imagebatch_core.names import ANNOTATION_IMAGES
from imagebatch_gateway.uploads import csv_check
from unit.gateway.builders import FakeBatches, uploads_in

HEADER = b"S. No.,Product Name,Input Image Urls\n"
MakeClient = Callable[..., httpx.AsyncClient]


def rows(*lists: str) -> bytes:
    lines = (f'{number},Mug,"{urls}"\n' for number, urls in enumerate(lists, start=1))
    return HEADER + "".join(lines).encode()


async def validated(http: httpx.AsyncClient, content: bytes) -> dict[str, Any]:
    answer = await http.post("/api/validate", files={"file": ("a.csv", content)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_of_a_large_file_the_first_rows_are_checked_and_all_is_stored(
    http: httpx.AsyncClient,
    store: MemoryStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = rows("https://a.example/1.png", "n/a", "https://a.example/3.png") + b'4,"open'
    monkeypatch.setattr(csv_check, "CHECKED_WHOLE", len(content) - 1)
    monkeypatch.setattr(csv_check, "ROWS_CHECKED", 2)
    answer = await http.post("/api/upload", files={"file": ("a.csv", content)})

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["rowsChecked"], body["products"], body["images"]) == (2, 2, 2)
    assert body["rowProblemCount"] == 1
    assert "the others are checked when the request is planned" in body["notices"][0]
    (key,) = uploads_in(store)
    assert bytes((await store.get_async(key)).bytes()) == content

    # Two files that differ beyond what was checked are two uploads.
    headers = {"Idempotency-Key": "k"}
    first = await http.post("/api/upload", files={"file": ("a.csv", content)}, headers=headers)
    assert first.status_code == 200
    other = content.replace(b"3.png", b"4.png")
    second = await http.post("/api/upload", files={"file": ("a.csv", other)}, headers=headers)
    assert second.status_code == 422


async def test_up_to_the_bound_every_row_is_checked(
    http: httpx.AsyncClient, batches: FakeBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = rows("https://a.example/1.png", "https://a.example/2.png") + b'3,"open'
    monkeypatch.setattr(csv_check, "CHECKED_WHOLE", len(content))
    monkeypatch.setattr(csv_check, "ROWS_CHECKED", 1)
    answer = await http.post("/api/upload", files={"file": ("a.csv", content)})
    assert answer.status_code == 400
    assert batches.stored == {}
    found = await validated(http, rows(*["https://a.example/1.png"] * 2))
    assert found["rowsChecked"] == 2
    assert found["notices"] == []


async def test_the_operator_is_told_how_many_images_there_are_once_all_rows_were_counted(
    http: httpx.AsyncClient, batches: FakeBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = rows("https://a.example/1.png", "https://a.example/2.png, https://a.example/3.png")
    inline = {"source": {"inline": content.decode()}}
    whole = [
        (await http.post("/api/upload", files={"file": ("a.csv", content)})).json()["requestId"],
        (await http.post("/api/requests", json=inline)).json()["requestId"],
    ]
    for made in whole:
        assert batches.stored[made].annotations[ANNOTATION_IMAGES] == "3"
    monkeypatch.setattr(csv_check, "CHECKED_WHOLE", 10)
    monkeypatch.setattr(csv_check, "ROWS_CHECKED", 1)
    answer = await http.post("/api/upload", files={"file": ("a.csv", content)})
    not_whole = batches.stored[answer.json()["requestId"]]
    assert ANNOTATION_IMAGES not in not_whole.annotations
    elsewhere = {"source": {"url": "https://shop.example/products.csv"}}
    unknown = (await http.post("/api/requests", json=elsewhere)).json()["requestId"]
    assert ANNOTATION_IMAGES not in batches.stored[unknown].annotations


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1/a.png", "127.0.0.1 is not fetched: loopback"),
        ("http://localhost:8080/a.png", "localhost is not fetched: loopback"),
        ("https://10.1.2.3/a.png", "10.1.2.3 is not fetched: private"),
        ("http://169.254.169.254/latest", "169.254.169.254 is not fetched: "),
        ("http://[::1]/a.png", "::1 is not fetched: loopback"),
        ("https://user:pass@shop.example/a.png", ""),
    ],
)
async def test_an_address_that_will_not_be_fetched_is_a_problem_with_its_place(
    http: httpx.AsyncClient, url: str, why: str
) -> None:
    found = await validated(http, rows("https://a.example/1.png", f"https://a.example/2.png,{url}"))
    (problem,) = found["rowProblems"]
    assert (problem["line"], problem["column"], problem["text"]) == (3, 3, url)
    assert why in problem["problem"]
    assert found["rowProblemCount"] == 1
    assert found["images"] == 3


async def test_what_the_chart_allows_is_no_problem(client_of: MakeClient) -> None:
    http = client_of(fetch_allow="10.0.0.0/8", fetch_deny="198.51.100.0/24")
    assert (await validated(http, rows("https://10.1.2.3/a.png")))["rowProblems"] == []
    (denied,) = (await validated(http, rows("https://198.51.100.7/a.png")))["rowProblems"]
    assert "IMAGEBATCH_FETCH_DENY" in denied["problem"]


async def test_a_url_that_stands_twice_in_a_row_is_a_problem(http: httpx.AsyncClient) -> None:
    twice = "https://a.example/1.png,https://a.example/2.png,https://a.example/1.png"
    found = await validated(http, rows(twice, "https://a.example/1.png"))
    (problem,) = found["rowProblems"]
    assert (problem["line"], problem["text"]) == (2, "https://a.example/1.png")
    assert problem["problem"] == "the same image URL as number 1 of this row"


async def test_an_entry_that_is_no_address_is_one_problem_and_not_two(
    http: httpx.AsyncClient,
) -> None:
    found = await validated(http, rows("https://a.example/1.png,n/a,ftp://a.example/2.png"))
    assert found["rowProblemCount"] == len(found["rowProblems"]) == 2
    assert [problem["text"] for problem in found["rowProblems"]] == ["n/a", "ftp://a.example/2.png"]
