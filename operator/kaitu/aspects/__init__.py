"""One file, one managed thing, five pure functions around an ``Aspect`` (see ``core.aspect``).

An aspect never does I/O and does not know the others: it returns what to look at (``probe``),
reads the answer (``parse``), and says what must change (``plan``), what is wrong that no step
mends (``problem``) and what belongs in status (``report``). To add one, follow CONTRIBUTING.md.
"""
