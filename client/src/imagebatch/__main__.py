"""Entry point of ``imagebatch`` and ``python -m imagebatch``."""

from __future__ import annotations

from .cli.app import app


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
