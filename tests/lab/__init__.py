"""The lab: a real API server, real nodes and a real registry, for tests, demo and benchmarks.

Start with `lab.run.Lab`. Standard library only, so that it runs before anything is installed.
What is slow to make is kept in `cache.root()`; what a run makes is gone when the run ends.
"""
