"""What was said on the command line, or in the files that it names, cannot be worked with."""


class UsageError(Exception):
    """Nothing was asked of any node; the exit code is 2."""
