"""kaituctl: the operator's engine for one person at a terminal, without a cluster."""
