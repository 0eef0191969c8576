"""Entry point of ``python3 -m imagebuild``."""

from imagebuild.cli import main

raise SystemExit(main())
