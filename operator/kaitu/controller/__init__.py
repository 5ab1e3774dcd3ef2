"""Wiring: kopf tells that something changed, a queue decides when, the engine does the rest."""
