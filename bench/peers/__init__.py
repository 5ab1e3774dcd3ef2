"""Ansible, pyinfra and plain ssh look at the same node, for the same things, in the same run.

Each finds the node in order and changes nothing: the compose file, twelve lines of .env, two files
of cron, the drop-in of sysctl, six kernel values, the containers. None of them dials port 443,
takes facts of the machine, asks the compose plugin or proves its tools first, as a visit does.
"""

from bench.peers.tools import measure

__all__ = ["measure"]
