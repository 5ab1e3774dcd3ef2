"""The scripts that travel to the nodes, run by three shells on directories of this machine."""
