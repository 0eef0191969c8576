"""The command ``imagebatch-runner``: three steps for pods, ``local`` for people."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from imagebatch_core import logs
from imagebatch_core.job import Step
from imagebatch_core.source_columns import SourceColumns
from imagebatch_core.spec import ImageBatchSpec, Output
from imagebatch_runner.codec import coefficients
from imagebatch_runner.local.command import LocalRun
from imagebatch_runner.local.run_options import RunOptions
from imagebatch_runner.local.spec_options import option, options_of

from .pod import run_step
from .settings import Settings


def version_text(*, native: bool) -> str:
    """Return the text of ``--version``; ``native`` says whether the JPEG library is there."""
    library = "yes" if native else "no; JPEGs take up to three times as long without it"
    return f"imagebatch-runner {version('imagebatch-runner')}\nnative JPEG library: {library}"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_text(native=coefficients.AVAILABLE))
        raise typer.Exit


#: Upper bound of --jobs: each decoder needs file descriptors, and a process may often open 1024.
_MOST_JOBS = 256

#: Help heading of the pod steps. The operator and the chart set their environment variables.
_PODS = "Steps of a batch in pods, which the operator starts"

_LOCAL = (
    "Compress a CSV of images, or a folder of them, on this machine.\n\n"
    "Results: report.csv, report.jsonl and images/ in the folder of --out. A second run continues "
    "an interrupted one. Of a folder, it does the images that are new or changed.\n\n"
    "Exit code 0 when all images succeeded, 1 when some failed, 2 when the input or the "
    "configuration was refused, 143 when it was interrupted."
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version, and whether the native library is there.",
        ),
    ] = False,
) -> None:
    """Compress the images of a CSV of products, or of a folder."""


def _columns(
    images: list[str] | None, product: str | None, serial: str | None
) -> SourceColumns | None:
    if not images:
        if product or serial:
            raise typer.BadParameter("--image-column must name the columns of URLs as well")
        return None
    return SourceColumns(image_urls=images, product_name=product, serial_number=serial)


@app.command("local", help=_LOCAL)
@options_of(Output, "output")
def local_command(
    source: Annotated[
        Path,
        typer.Argument(
            help="A CSV or .xlsx file (S. No., Product Name, Input Image Urls), or a folder."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the results; a second run continues there.",
            show_default="NAME-compressed",
        ),
    ] = None,
    *,
    output: Output,
    retries: Annotated[int, option(ImageBatchSpec, "retries")] = ImageBatchSpec.model_fields[
        "retries"
    ].default,
    jobs: Annotated[
        int,
        typer.Option(
            min=0, max=_MOST_JOBS, help="Number of decoder processes; 0: one for each CPU."
        ),
    ] = 0,
    sheet: Annotated[
        str | None,
        typer.Option(help="Sheet of the .xlsx file.", show_default="the first that is not hidden"),
    ] = None,
    image_column: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of image URLs, by header or letter; repeat it for several.",
            show_default="those of the expected header or of a known export",
        ),
    ] = None,
    product_column: Annotated[
        str | None, typer.Option(help="Column of product names, by header or letter.")
    ] = None,
    serial_column: Annotated[
        str | None,
        typer.Option(
            help="Column of serial numbers, by header or letter.", show_default="number of the row"
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Address to which paths in the URL columns are appended.")
    ] = None,
    reuse_from: Annotated[
        Path | None,
        typer.Option(
            help="Folder of an earlier run, whose outputs are reused for unchanged images."
        ),
    ] = None,
    allow: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated hosts and CIDRs that may be fetched although they are not public."
        ),
    ] = None,
    s3_allow: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated list of bucket or bucket/prefix that s3:// image URLs may name."
        ),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(help="JSON file with request headers for hosts and key pairs for buckets."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show only errors.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the totals as JSON on standard output.")
    ] = False,
) -> None:
    def read_options() -> RunOptions:
        overrides = {
            "public_base_url": "",  # outputs are named by their path
            "decoders": jobs or None,
            "fetch_allow": allow,
            "fetch_s3_allow": s3_allow,
            "fetch_credentials_file": None if credentials is None else str(credentials),
        }
        given = {name: value for name, value in overrides.items() if value is not None}
        settings = Settings.from_env(os.environ, **given)
        logs.configure(settings.log_level or "warning", settings.log_format or "text")
        columns = _columns(image_column, product_column, serial_column)
        return RunOptions(output, retries, settings, os.environ, sheet, columns, base_url)

    raise typer.Exit(LocalRun(source, out, reuse_from, quiet, as_json).run(read_options))


@app.command("plan", rich_help_panel=_PODS)
def plan_command() -> None:
    """Split the batch of IMAGEBATCH_JOB into shards; a batch of one shard is also compressed and
    collected."""
    raise typer.Exit(run_step.main(Step.PLAN))


@app.command("compress", rich_help_panel=_PODS)
def compress_command() -> None:
    """Compress the shard of JOB_COMPLETION_INDEX."""
    raise typer.Exit(run_step.main(Step.COMPRESS))


@app.command("collect", rich_help_panel=_PODS)
def collect_command() -> None:
    """Join the results of all shards into the reports."""
    raise typer.Exit(run_step.main(Step.COLLECT))
