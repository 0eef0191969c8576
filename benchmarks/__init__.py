"""Benchmarks of speed and size against sharp and libjpeg-turbo, on photographs: ``make bench``.

A section is a module with ``run(rounds) -> Section``, listed in
:data:`benchmarks.__main__.SECTIONS`.
It writes ``reports/bench-<name>.json``; :mod:`.render` makes docs/benchmarks.md of all of them.
"""
