"""For all unit tests: no assertion on speed, on a machine that may be busy."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("imagebatch", deadline=None)
hypothesis.settings.load_profile("imagebatch")
