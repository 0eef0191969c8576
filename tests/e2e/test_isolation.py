"""What a decoder that its image has taken over reaches from inside a pod."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from e2e.manifest import apply
from stack.stack import NAMESPACE, Stack

CURIOUS_CODEC = Path(__file__).parents[1] / "support" / "curiouscodec" / "sitecustomize.py"
_NAME = "curious-decoder"
#: Prints the attempts that were not refused, and what the log says holds.
_PROGRAM = """
import asyncio, json, logging, struct, sys, zlib
from imagebatch_core.formats import Kind
from imagebatch_runner.codec.options import CodecOptions
from imagebatch_runner.content import Content
from imagebatch_runner.failures import ImageFailed
from imagebatch_runner.workers.decoders import DecoderPool
import sitecustomize

def chunk(name, body):
    checksum = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + checksum

def image(wish):
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"teSt", wish), (b"IDAT", zlib.compress(bytes(4))), (b"IEND", b"")]
    return b"\\x89PNG\\r\\n\\x1a\\n" + b"".join(chunk(*part) for part in parts)

async def main():
    logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
    logging.getLogger("asyncio").setLevel("WARNING")
    reached = []
    async with DecoderPool(1, timeout=20, memory=0) as pool:
        for name in sitecustomize.ATTEMPTS:
            data = image(f"try: {name};".encode())
            try:
                await pool.compress(Content([data]), Kind.PNG, CodecOptions())
                reached.append(name)
            except ImageFailed as failure:
                if "refused" not in failure.message:
                    reached.append(name)
    print(json.dumps(reached))

asyncio.run(main())
"""


def test_decoder_in_a_pod_reaches_nothing(stack: Stack) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _NAME, "namespace": NAMESPACE},
        "data": {"sitecustomize.py": CURIOUS_CODEC.read_text()},
    }
    apply(stack, config, _pod(_runner_image(stack)))
    try:
        log = _log_of_finished(stack)
    finally:
        stack.batches("delete", f"pod/{_NAME}", f"configmap/{_NAME}", "--now")
    held, reached = log.splitlines()[0], json.loads(log.splitlines()[-1])
    assert held.startswith("decoders can open no files or sockets and run no programs (")
    assert "seccomp" in held
    assert reached == []


def _runner_image(stack: Stack) -> str:
    operator = json.loads(stack.batches("get", "deployment", "imagebatch-operator", "-o", "json"))
    env = operator["spec"]["template"]["spec"]["containers"][0]["env"]
    return str(next(each["value"] for each in env if each["name"] == "IMAGEBATCH_RUNNER_IMAGE"))


def _pod(image: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME, "namespace": NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "runner",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["/opt/imagebatch/bin/python3", "-c", _PROGRAM],
                    "env": [{"name": "PYTHONPATH", "value": "/curious"}],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [
                        {"name": "curious", "mountPath": "/curious"},
                        {"name": "tmp", "mountPath": "/tmp"},
                    ],
                }
            ],
            "volumes": [
                {"name": "curious", "configMap": {"name": _NAME}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }


def _log_of_finished(stack: Stack) -> str:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        phase = stack.batches("get", "pod", _NAME, "-o", "jsonpath={.status.phase}")
        if phase in ("Succeeded", "Failed"):
            return stack.batches("logs", _NAME)
        time.sleep(0.5)
    raise AssertionError("the pod did not end")
