"""Entry point of ``python3 -m localcluster``."""

from localcluster.cli import main

raise SystemExit(main())
