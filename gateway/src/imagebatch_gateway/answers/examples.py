"""Examples of bodies in the OpenAPI document, by the name of their schema."""

from __future__ import annotations

from typing import Any, Final

from imagebatch_core.results import ErrorCode

_ID: Final = "5f0c1b52-9d0e-4b4e-9a51-0e6f3a6c1d2e"
_RETRY_ID: Final = "0b7f6a0e-3f5b-4a52-8d0c-6f2f6f3f9a11"
_HOST: Final = "http://127.0.0.1:8080"
_OUTPUT: Final = f"{_HOST}/files/shop/7c9e6679-7425-40de-944b-e07fc1f90ae7/images/1-1-9f86d0….jpg"
_MADE: Final = "2026-11-24T10:00:00Z"
_ENDED: Final = "2026-11-24T10:00:09Z"
#: A file that an upload accepts.
CSV: Final = (
    "S. No.,Product Name,Input Image Urls\r\n"
    '1,Mug,"https://shop.example/1.png,https://shop.example/2.png"\r\n'
    "2,Cup,https://shop.example/3.jpg\r\n"
)
#: A requestId, for the parameters of paths.
REQUEST_ID: Final = _ID

_COUNTS: Final = {"total": 7, "done": 7, "succeeded": 6, "kept": 0, "reused": 0, "failed": 1}
_STATUS: Final[dict[str, Any]] = {
    "requestId": _ID,
    "status": "completed",
    "outputImageUrls": [_OUTPUT],
    "outputImageUrlsTruncated": False,
    "next": None,
    "products": 3,
    "rowProblemCount": 1,
    "notices": [],
    "note": None,
    "inputSha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "images": _COUNTS,
    "bytes": {"in": 5213004, "out": 1840112},
    "saved": "64.7%",
    "reuse": None,
    "reason": "CompletedWithFailures",
    "message": "6 images compressed, 1 failed",
    "conditions": [],
    "createdAt": _MADE,
    "startedAt": "2026-11-24T10:00:01Z",
    "completedAt": _ENDED,
    "duration": "8s",
    "statusUrl": f"{_HOST}/api/status/{_ID}",
    "downloadUrl": f"{_HOST}/api/download/{_ID}",
    "expired": False,
    "webhook": None,
}
_ROW_PROBLEM: Final = {
    "line": 4,
    "column": 3,
    "text": "n/a",
    "problem": "'n/a' is no address of an image: it must begin with https://, http:// or s3://",
}
_CREATED: Final = {
    "requestId": _ID,
    "statusUrl": f"{_HOST}/api/status/{_ID}",
    "downloadUrl": f"{_HOST}/api/download/{_ID}",
}
_KEY: Final = {
    "id": "4f1c2d3e5a6b",
    "name": "shop import",
    "namespace": "shop",
    "scope": "write",
    "createdAt": _MADE,
    "createdBy": "alice",
    "expiresAt": None,
}

EXAMPLES: Final[dict[str, Any]] = {
    "StatusAnswer": _STATUS,
    "RequestAnswer": _STATUS
    | {
        "name": "Spring",
        "fileName": "products.csv",
        "createdBy": None,
        "webhookUrl": "https://shop.example/hook",
        "suspend": False,
        "suspendAfter": None,
        "parallelism": 4,
        "priority": 0,
        "queuePosition": None,
        "estimate": None,
    },
    "RequestList": {
        "items": [
            {
                "requestId": _ID,
                "name": "Spring",
                "fileName": "products.csv",
                "createdBy": None,
                "status": "completed",
                "products": 3,
                "images": _COUNTS,
                "bytes": {"in": 5213004, "out": 1840112},
                "saved": "64.7%",
                "createdAt": _MADE,
                "completedAt": _ENDED,
                "expired": False,
            }
        ],
        "note": None,
        "next": None,
    },
    "RequestCreated": _CREATED,
    "UploadAccepted": _CREATED
    | {
        "products": 3,
        "images": 7,
        "rowsChecked": 3,
        "rowProblemCount": 1,
        "rowProblems": [_ROW_PROBLEM],
        "notices": [],
    },
    "ValidationAnswer": {
        "products": 2,
        "images": 3,
        "hosts": [{"host": "shop.example", "images": 3}],
        "rowsChecked": 2,
        "rowProblemCount": 0,
        "rowProblems": [],
        "sample": [
            {
                "row": 2,
                "serialNumber": "2",
                "productName": "Cup",
                "inputImageUrls": ["https://shop.example/3.jpg"],
            }
        ],
        "notices": [],
    },
    "ProductList": {
        "items": [
            {
                "id": f"{_ID}-1",
                "row": 1,
                "serialNumber": "1",
                "productName": "Mug",
                "inputImageUrls": ["https://shop.example/1.png", "https://shop.example/2.png"],
                "outputImageUrls": [_OUTPUT, None],
                "requestId": _ID,
                "status": "completed",
                "failedImages": 1,
                "createdAt": _MADE,
                "updatedAt": "2026-11-24T10:00:07Z",
            }
        ],
        "next": f"{_HOST}/api/products/{_ID}?limit=1&cursor=…",
    },
    "ImageList": {
        "items": [
            {
                "row": 1,
                "position": 2,
                "inputUrl": "https://shop.example/2.png",
                "status": "failed",
                "outputUrl": None,
                "errorCode": ErrorCode.HTTP_STATUS.value,
                "errorMessage": "the host answered 404",
                "retryable": False,
                "httpStatus": 404,
                "attempts": 1,
            }
        ],
        "next": None,
    },
    "FailureList": {
        "items": [
            {
                "code": ErrorCode.HTTP_STATUS.value,
                "retryable": False,
                "count": 1,
                "message": "The host answered with an error.",
                "examples": [{"row": 1, "position": 2, "inputUrl": "https://shop.example/2.png"}],
            }
        ],
        "next": None,
    },
    "PreviewList": {
        "items": [
            {
                "row": 1,
                "position": 1,
                "before": f"{_HOST}/api/requests/{_ID}/sources/1-1-3a6eb0….png",
                "after": _OUTPUT,
                "width": 1200,
                "height": 900,
                "bytesIn": 812004,
                "bytesOut": 201112,
            }
        ],
        "next": None,
    },
    "WebhookDelivery": {
        "url": "https://shop.example/hook",
        "eventId": "msg_7c9e66797425",
        "event": "imagebatch.completed",
        "attemptCount": 1,
        "attempts": [
            {"attemptedAt": _ENDED, "code": 503, "message": "the receiver answered 503"},
        ],
        "nextAttemptAt": "2026-11-24T10:00:14Z",
        "deliveredAt": None,
        "abandoned": False,
    },
    "CallerAnswer": {
        "authMode": "kubernetes",
        "user": "alice",
        "kind": "user",
        "namespace": "shop",
        "namespaces": ["shop"],
        "mayRead": True,
        "mayWrite": True,
        "mayManageKeys": False,
    },
    "KeyList": {"items": [_KEY], "next": None},
    "KeyCreated": _KEY | {"key": "ibk_4f1c2d3e5a6b_…"},
    "Health": {"status": "ok", "problems": {}},
    # What callers send.
    "UploadForm": {"file": CSV, "quality": 60, "webhookUrl": "https://shop.example/hook"},
    "ValidationForm": {"file": CSV},
    "NewRequest": {
        "name": "Spring",
        "source": {"inline": CSV},
        "output": {"format": "webp", "quality": 60},
    },
    "RetryOptions": {"only": "retryable"},
    "SignIn": {"token": "ibk_4f1c2d3e5a6b_…"},
    "NewKey": {"name": "shop import", "scope": "write", "expiresInDays": 365},
}

#: A stream of server-sent events.
EVENT_STREAM: Final = (
    "event: status\n"
    "id: 9f86d081884c7d659a2feaa0c55ad015\n"
    f'data: {{"requestId":"{_ID}","status":"processing", …}}\n\n'
    ": ping\n\n"
)
#: The output CSV.
REPORT: Final = (
    "S. No.,Product Name,Input Image Urls,Output Image Urls,Error\r\n"
    '1,Mug,"https://shop.example/1.png,https://shop.example/2.png",'
    f'"{_OUTPUT},",2: {ErrorCode.HTTP_STATUS}: the host answered 404\r\n'
)
#: A line of ``report.jsonl``.
REPORT_LINE: Final = (
    '{"row": 1, "position": 2, "input_url": "https://shop.example/2.png", "status": "failed", '
    f'"error_code": "{ErrorCode.HTTP_STATUS}", "retryable": false, "http_status": 404, '
    '"attempts": 1}\n'
)
