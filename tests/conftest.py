"""For all tests: no process may outlive the tests that started it."""

from support.leftovers import no_process_outlives_the_tests

__all__ = ["no_process_outlives_the_tests"]
