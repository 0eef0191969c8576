"""Run the steps of a batch against a real S3, as the operator's pods do."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
from obstore.store import S3Store

from imagebatch_core.job import RunnerMessage
from imagebatch_core.keys import BatchKeys
from localcluster.tied import tied

from .seaweedfs import SeaweedFS

PUBLIC = "https://files.example.com/files"

# Within the class, ``list`` is its method.
Keys = list[str]
Report = list[dict[str, Any]]
Table = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a step. ``message`` is its termination message, if it left one."""

    code: int
    message: RunnerMessage | None
    log: str


#: The processes of all steps that the current test has started.
_started: list[subprocess.Popen[str]] = []


def end_steps() -> None:
    """Kill all steps that a test has started, in case it failed before waiting for them."""
    while _started:
        process = _started.pop()
        process.kill()
        process.wait()


@dataclass
class RunnerBatch:
    """A batch. ``job`` has fields of RunnerJob in camelCase; ``settings`` are further variables."""

    s3: SeaweedFS
    folder: Path
    job: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    uid: str = field(default_factory=lambda: str(uuid4()))

    @classmethod
    def of(cls, s3: SeaweedFS, folder: Path, text: str, **job: Any) -> RunnerBatch:
        """Return a batch whose CSV is ``text``, in a file as if it were mounted."""
        source = folder / "products.csv"
        source.write_text(text, newline="")
        return cls(s3, folder, {"source": {"path": str(source)}, **job})

    @property
    def keys(self) -> BatchKeys:
        return BatchKeys.of("shop", self.uid)

    @property
    def store(self) -> S3Store:
        return self.s3.store()

    def start(
        self, step: str, index: int = 0, pod: str | None = None, prefix: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        """Start a step, with the command ``prefix`` before it if given; :meth:`wait` waits for
        it."""
        job = {"namespace": "shop", "name": "spring", "uid": self.uid, **self.job}
        inherited = {n: os.environ[n] for n in ("PATH", "HOME") if n in os.environ}
        env = {
            **inherited,
            **self.s3.env(),
            "IMAGEBATCH_PUBLIC_BASE_URL": PUBLIC,
            "IMAGEBATCH_FETCH_ALLOW": "127.0.0.1",
            "IMAGEBATCH_RETRY_BASE_SECONDS": "0.05",
            # Many batches of the tests name hosts that do not exist.
            "IMAGEBATCH_UNREACHABLE_SECONDS": "0",
            "IMAGEBATCH_JOB": json.dumps(job),
            "IMAGEBATCH_POD_UID": pod or str(uuid4()),
            "IMAGEBATCH_TERMINATION_LOG": str(self._termination),
            "JOB_COMPLETION_INDEX": str(index),
            "TMPDIR": str(self.folder),
            **self.settings,
        }
        self._termination.unlink(missing_ok=True)
        with self._log.open("w") as log:
            process = subprocess.Popen(
                tied(*prefix, sys.executable, "-m", "imagebatch_runner", step),
                env=env,
                stdout=log,
                stderr=log,
                text=True,
            )
        _started.append(process)
        return process

    def wait(self, process: subprocess.Popen[str], timeout: float = 120) -> Ended:
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        text = self._termination.read_text() if self._termination.exists() else ""
        message = RunnerMessage.model_validate_json(text) if text else None
        return Ended(process.returncode, message, self._log.read_text())

    def run(
        self, step: str, index: int = 0, pod: str | None = None, prefix: tuple[str, ...] = ()
    ) -> Ended:
        return self.wait(self.start(step, index, pod, prefix))

    def log(self) -> str:
        """The log of the last step so far."""
        return self._log.read_text()

    def run_all(self) -> RunnerMessage:
        """Run plan, all shards and collect; return the last message."""
        planned = self.run("plan")
        assert planned.code == 0, planned
        assert planned.message is not None
        if planned.message.step.value == "collect":
            return planned.message
        for index in range(planned.message.shards):
            ended = self.run("compress", index)
            assert ended.code == 0, ended
        collected = self.run("collect")
        assert collected.code == 0, collected
        assert collected.message is not None
        return collected.message

    def kill(self, process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
        process.send_signal(number)

    def get(self, key: str) -> bytes:
        return bytes(obstore.get(self.store, key).bytes())

    def list(self, prefix: str) -> Keys:
        return sorted(entry["path"] for entry in obstore.list(self.store, prefix).collect())

    def report(self) -> Report:
        """Return ``report.jsonl`` as one dict per image."""
        return [json.loads(line) for line in self.get(self.keys.report_jsonl).splitlines()]

    def recorded(self) -> set[str]:
        """Return the paths of the URLs whose results are recorded in parts."""
        lines = [
            line for key in self.list(self.keys.results) for line in self.get(key).splitlines()
        ]
        return {urlsplit(json.loads(line)["input_url"]).path for line in lines}

    def table(self) -> Table:
        """Return ``report.csv`` as one dict per row."""
        text = self.get(self.keys.report_csv).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def wait_for_parts(self, count: int, shard: int = 0, timeout: float = 60) -> Keys:
        """Wait until a shard has at least ``count`` parts; return their keys."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = self.list(self.keys.shard_results(shard))
            if len(found) >= count:
                return found
            time.sleep(0.05)
        raise TimeoutError(f"fewer than {count} parts")

    @property
    def _termination(self) -> Path:
        return self.folder / "termination-log"

    @property
    def _log(self) -> Path:
        return self.folder / "step.log"


def products(urls: list[str], per_row: int = 3) -> str:
    """Return a product CSV in the quoted form, with ``per_row`` images for each product."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["S. No.", "Product Name", "Input Image Urls"])
    for number, at in enumerate(range(0, len(urls), per_row), start=1):
        writer.writerow([number, f"SKU{number}", ",".join(urls[at : at + per_row])])
    return out.getvalue()
