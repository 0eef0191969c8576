"""Speed and size beside sharp and libjpeg-turbo, on photographs: ``make bench``.

A section is a module with ``run(bench) -> Section``, named in :data:`benchmarks.__main__.SECTIONS`.
It writes ``reports/bench-<name>.json``; :mod:`.render` makes docs/benchmarks.md of all of them.
"""
