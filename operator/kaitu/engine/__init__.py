"""Desired state and a transport in, a report out. Knows no kopf, no asyncssh and no cluster."""
