"""The code that the components of ImageBatch share: the resource, rows, storage keys and messages.

Most modules need pydantic only. :mod:`imagebatch_core.store` needs the ``store`` extra and
:mod:`imagebatch_core.egress` the ``egress`` extra.
"""

__version__ = "0.1.0"
