"""The command ``imagebatch-runner``: three steps for pods, ``local`` for people."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from imagebatch_core.errors import ImageBatchError
from imagebatch_core.job import ExitCode, Step
from imagebatch_core.resource import Format, Metadata, Output, Profile

from . import local, plan, pod
from .screen import Screen
from .settings import Settings

#: Failures that are shown one by one; all of them are in the report.
_LISTED = 10

app = typer.Typer(
    help="Compress the images that a CSV of products names.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("plan")
def plan_command() -> None:
    """Split the batch of IMAGEBATCH_JOB into shards; one that is small is done whole."""
    raise typer.Exit(pod.main(Step.PLAN))


@app.command("compress")
def compress_command() -> None:
    """Compress the shard of JOB_COMPLETION_INDEX."""
    raise typer.Exit(pod.main(Step.COMPRESS))


@app.command("collect")
def collect_command() -> None:
    """Join the results of all shards into the reports."""
    raise typer.Exit(pod.main(Step.COLLECT))


@app.command("local")
def local_command(  # noqa: PLR0917 - typer calls it by name; an argument is positional
    csv: Annotated[Path, typer.Argument(help="CSV: S. No., Product Name, Input Image Urls.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the results; also what a rerun goes on from.")
    ],
    format_: Annotated[Format, typer.Option("--format")] = Format.JPEG,
    quality: Annotated[int, typer.Option(min=1, max=100)] = 50,
    profile: Annotated[Profile, typer.Option(help="small: fewer bytes, more time.")] = Profile.FAST,
    max_width: Annotated[int | None, typer.Option(min=1, max=65535, help="Pixels.")] = None,
    max_height: Annotated[int | None, typer.Option(min=1, max=65535, help="Pixels.")] = None,
    metadata: Annotated[Metadata, typer.Option()] = Metadata.STRIP,
    retries: Annotated[int, typer.Option(min=0, max=10, help="Further attempts.")] = 3,
    jobs: Annotated[int, typer.Option(min=0, help="Decoding processes; 0: one for each CPU.")] = 0,
    reuse_from: Annotated[
        Path | None,
        typer.Option(help="Folder of an earlier run: what did not change since is taken over."),
    ] = None,
    allow: Annotated[
        str | None,
        typer.Option(help="Hosts and CIDRs, comma separated, to fetch though not public."),
    ] = None,
    credentials: Annotated[
        Path | None, typer.Option(help="JSON file of request headers for hosts.")
    ] = None,
) -> None:
    """Do a whole CSV here: DIR/report.csv, DIR/report.jsonl, DIR/images/…

    Exit code 0 when all images succeeded, 1 when some failed, 2 when the input or the
    configuration was refused.
    """
    pod.logging_at(logging.WARNING)
    screen = Screen(Console(stderr=True))
    output = Output(
        format=format_,
        quality=quality,
        profile=profile,
        max_width=max_width,
        max_height=max_height,
        metadata=metadata,
    )
    try:
        settings = Settings.from_env(os.environ, **_overrides(jobs, allow, credentials))
        start = time.monotonic()
        batch = local.open_folder(
            csv,
            out,
            output=output,
            retries=retries,
            settings=settings,
            env=os.environ,
            reuse_from=reuse_from,
        )
        summary = local.finished(batch)
        if summary is None:
            made = plan.plan(batch)
            with screen.progress(made) as on_result:
                summary = local.run(batch, made, on_result)
    except ImageBatchError as error:
        screen.refused(error)
        raise typer.Exit(ExitCode.INPUT_REFUSED) from error
    if summary is None:
        screen.interrupted()
        raise typer.Exit(ExitCode.INTERRUPTED)
    failures = local.first_failures(batch, _LISTED) if summary.totals.failed else []
    screen.summary(summary, failures, out, time.monotonic() - start)
    raise typer.Exit(1 if summary.totals.failed else 0)


def _overrides(jobs: int, allow: str | None, credentials: Path | None) -> dict[str, object]:
    """What the command line says before the environment; a folder's outputs are named by path."""
    overrides: dict[str, object] = {"public_base_url": ""}
    if jobs:
        overrides["decoders"] = jobs
    if allow is not None:
        overrides["fetch_allow"] = allow
    if credentials is not None:
        overrides["fetch_credentials_file"] = str(credentials)
    return overrides
