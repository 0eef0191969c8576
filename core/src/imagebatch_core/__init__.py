"""What the components of ImageBatch share: the resource, rows, storage keys and messages.

Importing a module of this package needs pydantic alone; :mod:`imagebatch_core.store` needs the
``store`` extra and :mod:`imagebatch_core.egress` the ``egress`` extra.
"""

__version__ = "0.1.0"
