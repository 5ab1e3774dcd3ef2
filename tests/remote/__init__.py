"""Reaching a node: the frame, the wire, the login, one command, the pool."""
