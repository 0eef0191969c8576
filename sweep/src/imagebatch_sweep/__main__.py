"""The command ``imagebatch-sweep``: one run over one namespace.

Exit codes: 0 when all that may go is gone, 1 when something could not be listed, read or removed,
3 when a setting is wrong.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from datetime import UTC, datetime

from imagebatch_core import logs
from imagebatch_core.errors import ConfigurationRefused, ImageBatchError
from imagebatch_core.job import ExitCode

from .batches import cluster_id, list_batches
from .bucket import Bucket
from .run import sweep
from .settings import Settings

_log = logging.getLogger("imagebatch_sweep")


def main() -> int:
    logs.configure("info", stream=sys.stdout)  # until the settings are known
    parser = argparse.ArgumentParser(
        prog="imagebatch-sweep",
        description="Remove from the bucket what nobody needs any more: data of deleted batches "
        "with deletionPolicy Delete, uploads, kept sources, old records of requests and unfinished "
        "multipart uploads.",
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, log what would go")
    dry_run: bool = parser.parse_args().dry_run
    try:
        settings = Settings.from_env(os.environ)
        logs.configure(settings.log_level, settings.log_format, sys.stdout)
        outcome = sweep(
            Bucket.open(settings.store, os.environ),
            lambda: list_batches(settings.namespace),
            settings,
            datetime.now(UTC),
            dry_run=dry_run,
            cluster=cluster_id(),
        )
    except ConfigurationRefused as error:
        _log.error("cannot start: %s", error)
        return ExitCode.CONFIGURATION_REFUSED
    except ImageBatchError as error:
        _log.error("nothing was removed: %s", error)
        return ExitCode.FAULT
    decided = outcome.decision
    counts = {
        "batches": len(decided.roots),
        "uploads": len(decided.uploads),
        "sources": len(decided.sources),
        "records": len(decided.records),
        "unfinished": len(decided.unfinished),
    }
    _log.info(
        "%s: batches %s, uploads %s, kept sources %s, records %s, multipart uploads %s",
        "would be removed" if dry_run else "of what nobody needs",
        *counts.values(),
        extra=counts,
    )
    return ExitCode.FAULT if outcome.failed else ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
