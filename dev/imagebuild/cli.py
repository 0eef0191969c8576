"""Command line: ``python3 -m imagebuild build | refs | push [COMPONENT …] [--json]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence

from hosttools.cache import cache_root
from hosttools.errors import HostError
from hosttools.progress import Steps
from hosttools.sigterm import exit_on_sigterm

from . import images
from .folders import REPOSITORY, Cache
from .images import Image
from .inputs import COMPONENTS
from .push import push


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imagebuild", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("build", "build the images that are not in the cache yet"),
        ("refs", "print the names of the images of this tree; build nothing"),
        ("push", "build what is not there, and push all to a registry"),
    ):
        command = commands.add_parser(name, help=what)
        everything = f"of {', '.join(COMPONENTS)}; all when none is named"
        command.add_argument("components", nargs="*", metavar="COMPONENT", help=everything)
        command.add_argument(
            "--json", action="store_true", help="print {component: {ref, archive}}"
        )
        command.add_argument("--base-image", help="instead of the default base")
        if name == "push":
            command.add_argument("--registry", required=True, help="as registry.example.com/you")
            insecure = "speak to it over http, or without verifying its certificate"
            command.add_argument("--insecure", action="store_true", help=insecure)
        if name != "refs":
            command.add_argument("--builder", choices=("auto", "docker", "buildah"), default="auto")
    commands.add_parser("clean", help="remove images, bases and layers from the cache")
    return parser


@exit_on_sigterm()
def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    cache = Cache(cache_root())
    say = Steps()
    try:
        if options.command == "clean":
            images.clean(cache, say)
            return 0
        unknown = [name for name in options.components if name not in COMPONENTS]
        if unknown:
            parser.error(f"no such component: {', '.join(unknown)}")
        wanted = options.components or list(COMPONENTS)
        if options.command == "refs":
            found: Mapping[str, Image] = images.expected(
                wanted, REPOSITORY, cache, options.base_image
            )
        else:
            found = images.ensure(
                wanted, REPOSITORY, cache, say,
                builder=options.builder, base_image=options.base_image,
            )  # fmt: skip
        names = {name: image.ref for name, image in found.items()}
        if options.command == "push":
            names = push(
                found, options.registry, cache, say,
                builder=options.builder, insecure=options.insecure,
            )  # fmt: skip
    except (HostError, OSError) as error:
        sys.stderr.write(f"imagebuild: {error}\n")
        return 1
    _print(found, names, as_json=options.json)
    return 0


def _print(found: Mapping[str, Image], names: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        document = {
            name: {"ref": names[name], "archive": str(image.archive)}
            for name, image in found.items()
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        for name, image in found.items():
            sys.stdout.write(f"{names[name]}\t{image.archive}\n")
