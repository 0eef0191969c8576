"""For all unit tests: no assertion on speed, on a machine that may be busy."""

from __future__ import annotations

import hypothesis

from support.signalhandlers import no_signal_handler_outlives_its_test

__all__ = ["no_signal_handler_outlives_its_test"]

hypothesis.settings.register_profile("imagebatch", deadline=None)
hypothesis.settings.load_profile("imagebatch")
