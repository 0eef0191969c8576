"""Error responses in the OpenAPI document. Each example is built by the code that sends it."""

from __future__ import annotations

from typing import Any, Final

from imagebatch_core.errors import ImageBatchError
from imagebatch_gateway.backends.errors import (
    BatchMissing,
    Cause,
    ClusterRefused,
    ClusterUnavailable,
    CursorRefused,
    QuotaExceeded,
    ResultMissing,
    ResultUnreadable,
    SpecRefused,
    StoreUnavailable,
)

from .access_problems import (
    credential_too_long,
    foreign_page,
    namespace_not_served,
    no_room_for_stream,
    no_such_key,
    not_allowed,
    sign_in,
    too_many,
    too_many_streams,
    unknown_host,
)
from .problems import (
    MEDIA_TYPE,
    Problem,
    body_too_slow,
    has_ended,
    http_problem,
    idempotency_key_reused,
    invalid_csv,
    invalid_options,
    is_expired,
    limit_exceeded,
    no_csv,
    no_event_yet,
    no_output_ever,
    no_output_yet,
    no_request_to_retry,
    no_such_file,
    no_webhook,
    not_ended,
    not_retryable,
    not_utf8,
    problem_of,
    range_not_satisfiable,
    scratch_full,
    too_many_uploads,
)

_KEY: Final = "shop/7c9e6679-7425-40de-944b-e07fc1f90ae7/report.jsonl"

STORE_AWAY: Final = StoreUnavailable("the object store does not answer or refuses the request")
CLUSTER_AWAY: Final = (
    ClusterUnavailable("the Kubernetes API server did not answer", undecided=True),
    ClusterRefused("the gateway lacks a permission in the cluster"),
)
NO_FILE: Final = no_such_file()
NO_REQUEST: Final = BatchMissing("summer-2026")
NO_RESULT: Final = ResultMissing(_KEY)
NO_OUTPUT: Final = (
    no_output_yet("120 of 500 images are done; ask again in 5 seconds.", 5),
    no_output_ever("A dry run has no output: nothing was compressed."),
)
BAD_CURSOR: Final = CursorRefused("the cursor belongs to another report; start without one")
LONG_NAMESPACE: Final = invalid_options(("namespace", "String should have at most 63 characters"))
LONG_CURSOR: Final = invalid_options(("cursor", "String should have at most 64 characters"))
BAD_LIMIT: Final = invalid_options(("limit", "Input should be less than or equal to 1000"))
#: Errors of calls that return results page by page.
NO_PAGE: Final = (
    BAD_CURSOR, LONG_CURSOR, BAD_LIMIT, NO_REQUEST, NO_RESULT, *CLUSTER_AWAY, STORE_AWAY,
)  # fmt: skip
UNREADABLE: Final = ResultUnreadable(_KEY)
BAD_FORMAT: Final = invalid_options(("format", "Input should be 'csv', 'jsonl', 'failed' or 'zip'"))
#: Errors when the API server refuses to create a batch.
BATCH_REFUSED: Final = (
    SpecRefused(
        "webp is not allowed here", (Cause("spec.output.format", "webp is not allowed here"),)
    ),
    QuotaExceeded("exceeded quota: batches, requested: 1, used: 20, limited: 20"),
)
_TOO_MANY_IMAGES: Final = limit_exceeded(
    (
        "file",
        "the input has more than 9000 images, the most that is allowed here in a batch",
    )
)
_TOO_MANY_PODS: Final = limit_exceeded(
    (
        "parallelism",
        "90 is more than 20, the most that is allowed here (limits.parallelism of the chart)",
    )
)
#: Of an upload that does not fit in now, or does not arrive.
NO_ROOM: Final = (scratch_full(), too_many_uploads(), body_too_slow())
BAD_UPLOAD: Final = (
    _TOO_MANY_PODS,
    invalid_csv(
        "the header lacks 'Input Image Urls'; expected 'S. No.,Product Name,Input Image Urls', "
        "found 'S. No.', 'Product Name', 'Pictures'",
        1,
    ),
    no_csv(),
    http_problem(413, "The upload is larger than 1 GiB.", {}),
    invalid_options(("quality", "Input should be less than or equal to 100")),
    idempotency_key_reused(),
    *NO_ROOM,
    *BATCH_REFUSED,
)


BAD_FILE: Final = (
    _TOO_MANY_IMAGES,
    invalid_csv("the file has a header and no rows", None),
    no_csv(),
    http_problem(413, "The upload is larger than 1 GiB.", {}),
    invalid_options(("sheet", "String should have at most 100 characters")),
    *NO_ROOM,
)
BEYOND: Final = range_not_satisfiable(4096)
ENDED: Final = has_ended("completed")
EXPIRED: Final = is_expired()
NO_WEBHOOK: Final = no_webhook()
NO_EVENT: Final = no_event_yet()
NO_RETRY: Final = (
    no_request_to_retry("summer-2026"),
    not_ended("processing"),
    not_retryable("no image of summer-2026 failed"),
    idempotency_key_reused(),
    *BATCH_REFUSED,
)
WRONG_CHANGE: Final = (
    _TOO_MANY_PODS,
    invalid_options(
        (
            "quality",
            "cannot be changed; what can: suspend, suspendAfter, cancel, parallelism, priority",
        )
    ),
)
BAD_NEW_REQUEST: Final = (
    not_utf8(),
    _TOO_MANY_PODS,
    invalid_csv("the file has a header and no rows", None),
    no_request_to_retry("summer-2026"),
    not_ended("processing"),
    not_retryable("no image of summer-2026 failed"),
    invalid_options(("source", "set exactly one of s3, inline, url and retryOf")),
    idempotency_key_reused(),
    *BATCH_REFUSED,
)

TOKEN_REFUSED: Final = sign_in("the token is not valid, or no longer")
NO_KEY: Final = no_such_key()
BAD_KEY: Final = invalid_options(("scope", "Input should be 'read' or 'write'"))
#: Every call that needs a right may be refused so.
SIGN_IN: Final = sign_in(None)
TOO_MANY: Final = too_many("reads", 3, {})
UNKNOWN_HOST: Final = unknown_host("images.example")
#: Of a body that is no file.
BAD_BODY: Final = (
    not_utf8(),
    body_too_slow(),
    http_problem(413, "The body is larger than 1048576 bytes; send a file as multipart.", {}),
)
NOT_ADMITTED: Final = (
    SIGN_IN,
    TOKEN_REFUSED,
    not_allowed("alice", "create imagebatches in the namespace 'shop'"),
    namespace_not_served("bakery"),
)
FOREIGN_PAGE: Final = foreign_page()
NO_STREAM: Final = (TOO_MANY, too_many_streams(100), no_room_for_stream())
BAD_SIGN_IN: Final = credential_too_long()


def refusals(*examples: Problem | ImageBatchError) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route that can fail with these errors, by HTTP status."""
    problems = [e if isinstance(e, Problem) else problem_of(e) for e in examples]
    return {
        status: _documented([problem for problem in problems if problem.status == status])
        for status in sorted({problem.status for problem in problems})
    }


def _documented(problems: list[Problem]) -> dict[str, Any]:
    return {
        "description": " · ".join(problem.title for problem in problems),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemAnswer"},
                "examples": {
                    problem.code: {"summary": problem.title, "value": problem.body()}
                    for problem in problems
                },
            }
        },
    }
