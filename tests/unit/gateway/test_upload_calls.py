from __future__ import annotations

import uuid
from typing import Any

import httpx
import obstore
import pytest
from obstore.store import MemoryStore

from imagebatch_core.names import ANNOTATION_PAYLOAD_DIGEST
from imagebatch_core.spec import Format, Metadata, Profile
from imagebatch_gateway.backends.errors import (
    Cause,
    ClusterRefused,
    ClusterUnavailable,
    QuotaExceeded,
    SpecRefused,
)
from support.nocsv import NO_CSV
from support.workbooks import HEADER, by_openpyxl
from unit.gateway.builders import CSV, NAMESPACE, FakeBatches, uploads_in


async def send(
    http: httpx.AsyncClient,
    content: bytes = CSV,
    *,
    path: str = "/api/upload",
    key: str | None = None,
    **options: str | list[str],
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    files = {"file": ("products.csv", content, "text/csv")}
    return await http.post(path, files=files, data=options, headers=headers)


@pytest.mark.parametrize("path", ["/api/upload", "/upload"])
async def test_an_upload_becomes_an_object_and_a_batch_named_by_the_request_id(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches, path: str
) -> None:
    answer = await send(http, path=path)

    assert answer.status_code == 200
    body = answer.json()
    request_id = body["requestId"]
    assert str(uuid.UUID(request_id)) == request_id
    assert answer.headers["location"] == f"http://gateway.example/api/status/{request_id}"
    assert body["statusUrl"] == answer.headers["location"]
    assert body["downloadUrl"] == f"http://gateway.example/api/download/{request_id}"
    source = batches.stored[request_id].spec.source.s3
    assert source is not None
    assert uploads_in(store) == [source.key]
    assert source.key.startswith(f"{NAMESPACE}/uploads/{request_id}/")
    assert bytes(obstore.get(store, source.key).bytes()) == CSV


async def test_the_answer_counts_rows_and_images_and_names_bad_rows(
    http: httpx.AsyncClient,
) -> None:
    body = (await send(http)).json()

    assert (body["products"], body["images"], body["rowProblemCount"]) == (3, 4, 1)
    assert body["rowProblems"] == [
        {"line": 4, "column": 3, "text": "", "problem": "no image URL in this row"}
    ]
    assert body["notices"] == []


async def test_what_is_no_address_is_named_with_its_place_and_the_rest_is_accepted(
    http: httpx.AsyncClient,
) -> None:
    content = (
        "S. No.,Product Name,Input Image Urls\n1,Cat,https://a/1.jpg,n/a,https://a/w_1,h_1/2.jpg\n"
    )
    body = (await send(http, content.encode())).json()

    assert (body["images"], body["rowProblemCount"]) == (3, 1)
    assert body["rowProblems"] == [
        {
            "line": 2,
            "column": 4,
            "text": "n/a",
            "problem": "'n/a' is no address of an image: it must begin with https://, http:// or "
            "s3://",
        }
    ]


async def test_file_that_names_no_address_at_all_is_refused_with_the_first_thing_it_names(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    answer = await send(http, b"S. No.,Product Name,Input Image Urls\n1,Cat,a.jpg\n2,Dog,b.jpg\n")

    assert answer.status_code == 400
    told = answer.json()["errors"][0]["message"]
    assert told.startswith("none of the 2 rows has an image URL; line 2, column 3: 'a.jpg' is no")
    assert uploads_in(store) == []


async def test_what_excel_writes_in_the_west_is_accepted_with_a_notice(
    http: httpx.AsyncClient,
) -> None:
    answer = await send(http, CSV + "4,T\u00fcr,http://a/b\n".encode("cp1252"))

    assert answer.status_code == 200
    (notice,) = answer.json()["notices"]
    assert "Windows-1252" in notice


async def test_workbook_is_accepted_whatever_its_name_and_stored_as_it_is(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    table = [HEADER, [1, "Mug", "https://a/1.jpg, https://a/w_1,h_1/2.jpg"], [2, "Cup", "n/a"]]
    content = by_openpyxl({"Products": table, "Notes": [["x"]]})
    answer = await send(http, content)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["products"], body["images"], body["rowProblemCount"]) == (2, 3, 1)
    assert (body["rowProblems"][0]["line"], body["rowProblems"][0]["column"]) == (3, 3)
    assert body["notices"] == ["the workbook has 2 sheets; 'Products' was read"]
    (key,) = uploads_in(store)
    assert bytes(obstore.get(store, key).bytes()) == content


async def test_sheet_that_is_named_is_the_one_of_the_batch_and_another_is_another_upload(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    good = [HEADER, [1, "Mug", "https://a/1.jpg"]]
    content = by_openpyxl({"Products": good, "Old": [*good, [2, "Cup", "https://a/2.jpg"]]})
    answer = await send(http, content, key="order-1", sheet="Old")

    body = answer.json()
    assert (body["products"], body["notices"]) == (2, [])
    assert batches.stored[body["requestId"]].spec.source.sheet == "Old"
    assert (await send(http, content, key="order-1", sheet="Old")).json() == body
    assert (await send(http, content, key="order-1")).status_code == 422
    refused = await send(http, content, sheet="New")
    assert refused.status_code == 400
    assert "no sheet 'New'" in refused.json()["errors"][0]["message"]
    assert (await send(http, sheet="Old")).status_code == 400


async def test_header_that_is_refused_is_quoted_to_the_person_who_sent_it(
    http: httpx.AsyncClient,
) -> None:
    answer = await send(http, b"Nr,Titel,Bilder\n1,a,http://a\n")

    assert "found 'Nr', 'Titel', 'Bilder'" in answer.json()["errors"][0]["message"]


async def test_at_most_a_hundred_bad_rows_are_listed_and_all_are_counted(
    http: httpx.AsyncClient,
) -> None:
    header, first = CSV.splitlines(keepends=True)[:2]
    body = (await send(http, header + first + b"9,None,\n" * 150)).json()

    assert body["rowProblemCount"] == 150
    assert len(body["rowProblems"]) == 100


async def test_every_option_reaches_the_resource(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    answer = await send(
        http,
        webhookUrl="https://hook.example/done",
        format="webp",
        quality="70",
        profile="fast",
        maxWidth="800",
        maxHeight="600",
        metadata="keep",
        imagesPerShard="50",
        parallelism="9",
        retries="0",
        maxFailedPercent="20",
        dryRun="true",
    )

    spec = batches.stored[answer.json()["requestId"]].spec
    output = spec.output
    assert (output.format, output.quality, output.profile) == (Format.WEBP, 70, Profile.FAST)
    assert (output.max_width, output.max_height) == (800, 600)
    assert output.metadata is Metadata.KEEP
    assert (spec.images_per_shard, spec.parallelism, spec.retries) == (50, 9, 0)
    assert (spec.max_failed_percent, spec.dry_run) == (20, True)
    assert spec.webhook is not None
    assert spec.webhook.url == "https://hook.example/done"


async def test_a_request_to_reuse_reaches_the_resource(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    earlier = (await send(http)).json()["requestId"]
    answer = await send(http, reuseFrom=earlier)
    spec = batches.stored[answer.json()["requestId"]].spec
    assert spec.reuse_from is not None
    assert spec.reuse_from.name == earlier


async def test_empty_form_fields_count_as_not_given(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    answer = await send(http, quality="", webhookUrl="", format="")

    spec = batches.stored[answer.json()["requestId"]].spec
    assert (spec.output.quality, spec.webhook) == (50, None)


async def test_a_field_of_spaces_alone_counts_as_not_given(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    answer = await send(http, quality="  ", format=" webp ")

    output = batches.stored[answer.json()["requestId"]].spec.output
    assert (output.quality, output.format) == (50, Format.WEBP)


async def test_all_faults_of_a_form_are_told_at_once(http: httpx.AsyncClient) -> None:
    answer = await send(http, quality="101", retries="11", qualty="1")

    assert {error["field"] for error in answer.json()["errors"]} == {"quality", "retries", "qualty"}


async def test_the_webhook_may_be_named_by_its_older_field(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    answer = await send(http, webhook_url="http://hook.example/")

    webhook = batches.stored[answer.json()["requestId"]].spec.webhook
    assert webhook is not None
    assert webhook.url == "http://hook.example/"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", None, "the file is empty"),
        (b"a,b,c\n1,2,3\n", 1, "expected 'S. No.,Product Name,Input Image Urls', found 'a', 'b'"),
        *((content, None, words) for content, words in NO_CSV.values()),
        (b"S. No.,Product Name,Input Image Urls\n", None, "no rows"),
        (b"S. No.,Product Name,Input Image Urls\n1,Mug,\n", None, "has an image URL"),
        (b'S. No.,Product Name,Input Image Urls\n1,Mug,"http://a\n', 2, "never closed"),
        ("S. No.,Product Name".encode("utf-16") + b"\x00\xd8,\x00", None, "not valid utf-16"),
    ],
    ids=["empty", "header", *NO_CSV, "no rows", "no url", "quote", "encoding"],
)
async def test_a_file_that_is_no_such_csv_is_refused_with_the_reason(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    content: bytes,
    *,
    line: int | None,
    words: str,
) -> None:
    answer = await send(http, content)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["message"] == "Invalid CSV format"
    (error,) = body["errors"]
    assert words in error["message"]
    if line is not None:
        assert error["line"] == line
    assert uploads_in(store) == []
    assert batches.stored == {}


@pytest.mark.parametrize(
    ("options", "field", "words"),
    [
        ({"quality": "101"}, "quality", "less than or equal to 100"),
        ({"quality": "high"}, "quality", "valid integer"),
        ({"format": "bmp"}, "format", "'jpeg', 'webp'"),
        ({"parallelism": "0"}, "parallelism", "greater than or equal to 1"),
        ({"qualty": "50"}, "qualty", "did you mean 'quality'"),
        ({"dryRun": "perhaps"}, "dryRun", "boolean"),
        ({"webhookUrl": "ftp://hook.example"}, "webhookUrl", "http and https"),
        ({"reuseFrom": "No Name"}, "reuseFrom", "match pattern"),
        ({"reuseFrom": "unknown"}, "reuseFrom", "there is no request unknown"),
        ({"webhookUrl": "https://user:secret@hook.example"}, "webhookUrl", "credentials"),
        ({"webhookUrl": "http://0x7f000001/"}, "webhookUrl", "odd spelling"),
        ({"webhookUrl": "http://a.example", "webhook_url": "http://b"}, "webhook_url", "differs"),
        ({"webhookUrl": "https://a.example/" + "x" * 2048}, "webhookUrl", "at most 2048"),
        ({"max_width": "800"}, "max_width", "did you mean 'maxWidth'"),
        ({"zzz": ""}, "zzz", "no such option; known are "),
        ({"quality": ["50", "60"]}, "quality", "more than once"),
    ],
)
async def test_an_option_that_is_wrong_or_misspelled_is_refused_by_name(
    http: httpx.AsyncClient,
    store: MemoryStore,
    options: dict[str, Any],
    field: str,
    words: str,
) -> None:
    answer = await send(http, CSV, **options)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["message"]
    assert "secret" not in answer.text
    assert uploads_in(store) == []


@pytest.mark.parametrize(
    "request_parts",
    [{}, {"data": {"file": "products.csv"}}, {"content": CSV}, {"json": {"file": "x"}}],
    ids=["nothing", "text field", "raw body", "json"],
)
async def test_without_a_file_the_answer_says_how_to_send_one(
    http: httpx.AsyncClient, request_parts: dict[str, Any]
) -> None:
    answer = await http.post("/api/upload", **request_parts)

    assert answer.status_code == 400
    assert "multipart field 'file'" in answer.json()["message"]


async def test_two_files_in_one_upload_are_refused(http: httpx.AsyncClient) -> None:
    files = [("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))]
    answer = await http.post("/api/upload", files=files)

    assert answer.status_code == 422
    assert "one file" in answer.json()["message"]


async def test_a_body_over_the_limit_is_refused_by_its_announced_length(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    answer = await send(http, CSV + b"x" * (2 * 1024 * 1024))

    assert answer.status_code == 413
    assert "larger than 1 MiB" in answer.json()["message"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert uploads_in(store) == []


async def test_a_body_over_the_limit_is_refused_where_no_length_is_announced(
    http: httpx.AsyncClient, store: MemoryStore
) -> None:
    async def endless() -> Any:
        yield b"--b\r\nContent-Disposition: form-data; name=file; filename=a.csv\r\n\r\n"
        for _ in range(40):
            yield b"x" * 65536

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await http.post("/api/upload", content=endless(), headers=headers)

    assert answer.status_code == 413
    assert uploads_in(store) == []


async def test_the_same_key_and_upload_give_the_same_request(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches
) -> None:
    first = await send(http, key="order-1", quality="50")
    again = await send(http, key="order-1")

    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(batches.stored) == len(uploads_in(store)) == 1


@pytest.mark.parametrize(
    ("content", "options"), [(CSV + b"4,Pot,http://a/b\n", {}), (CSV, {"q": 1})]
)
async def test_the_same_key_with_another_upload_is_refused(
    http: httpx.AsyncClient, store: MemoryStore, content: bytes, options: dict[str, int]
) -> None:
    await send(http, key="order-1")
    answer = await send(http, content, key="order-1", **({"quality": "51"} if options else {}))

    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["message"]
    assert len(uploads_in(store)) == 1


async def test_without_a_key_every_upload_is_a_request_of_its_own(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    assert (await send(http)).json()["requestId"] != (await send(http)).json()["requestId"]
    assert len(batches.stored) == 2


async def test_of_two_uploads_with_one_key_at_once_the_loser_leaves_no_object(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches
) -> None:
    first = (await send(http, key="order-1")).json()["requestId"]
    seen = batches.stored[first]
    # The other request is created between this one's look-up and its own create.
    batches.stored.clear()
    create = batches.create

    async def slower(*args: Any) -> Any:
        batches.stored[first] = seen
        return await create(*args)

    batches.create = slower  # type: ignore[assignment,method-assign]
    answer = await send(http, key="order-1")

    assert answer.json()["requestId"] == first
    assert answer.headers["idempotency-replayed"] == "true"
    assert len(uploads_in(store)) == 1


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (ClusterUnavailable("cannot be reached", undecided=False), 503, "cannot be reached"),
        (ClusterRefused("the gateway lacks a permission"), 503, "permission"),
        (QuotaExceeded("exceeded quota: batches"), 429, "exceeded quota"),
        (
            SpecRefused("invalid: quality", (Cause("spec.output.quality", "too big"),)),
            422,
            "invalid: quality",
        ),
    ],
)
async def test_what_the_cluster_refuses_is_told_and_leaves_no_object(
    http: httpx.AsyncClient,
    store: MemoryStore,
    batches: FakeBatches,
    error: Exception,
    *,
    status: int,
    words: str,
) -> None:
    batches.fail = error
    answer = await send(http)

    assert answer.status_code == status
    assert words in answer.json()["message"]
    assert uploads_in(store) == []


async def test_a_lost_answer_of_the_cluster_is_looked_up_and_counts_as_created(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches
) -> None:
    batches.fail_after = ClusterUnavailable("did not answer", undecided=True)
    answer = await send(http)

    assert answer.status_code == 200
    assert answer.json()["requestId"] in batches.stored
    assert len(uploads_in(store)) == 1


async def test_the_object_stays_while_it_is_unknown_whether_the_batch_was_created(
    http: httpx.AsyncClient, store: MemoryStore, batches: FakeBatches
) -> None:
    batches.fail = ClusterUnavailable("did not answer", undecided=True)
    answer = await send(http)

    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert len(uploads_in(store)) == 1


async def test_defaults_given_or_left_out_are_the_same_payload(
    http: httpx.AsyncClient, batches: FakeBatches
) -> None:
    one = (await send(http)).json()["requestId"]
    two = (await send(http, quality="50", format="jpeg")).json()["requestId"]

    digests = {batches.stored[i].annotations[ANNOTATION_PAYLOAD_DIGEST] for i in (one, two)}
    assert len(digests) == 1
