"""The peer of the gateway: a bare FastAPI application that puts an uploaded file into S3.

``python -m benchmarks.gateway_peer PORT`` serves ``POST /upload``. It does what most applications
do: the file of the form arrives as an ``UploadFile`` and is then put into the bucket. It reads no
row of it, limits nothing and creates nothing.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import obstore
import uvicorn
from fastapi import FastAPI, File, UploadFile

from imagebatch_core.store import open_store

_store = open_store(os.environ["IMAGEBATCH_STORE"], os.environ)
app = FastAPI()


@app.get("/readyz")
async def ready() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/upload")
async def upload(file: Annotated[UploadFile, File()]) -> dict[str, str]:
    key = f"peer/{file.filename}"
    await obstore.put_async(_store, key, file.file)
    return {"key": key}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
