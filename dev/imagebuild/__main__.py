"""Entry point of ``python3 -m imagebuild``."""

from .cli import main

raise SystemExit(main())
