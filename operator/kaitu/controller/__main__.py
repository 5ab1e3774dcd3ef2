"""The program ``kaitu-operator``: ``run`` the operator, or print the ``crds`` it needs."""

import argparse
import asyncio
import logging
import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from kaitu.api.crd import crds
from kaitu.api.policy import Policy, parse
from kaitu.cluster.errors import ApiError
from kaitu.cluster.tenure import MOST_SHARDS
from kaitu.controller import logs
from kaitu.controller.run import Options, run
from kaitu.core.errors import KaituError
from kaitu.core.redaction import Redactor

log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code of the process."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "crds":
        sys.stdout.write(crds())
        return 0
    redactor = Redactor()
    logs.set_up(arguments.log_level, arguments.log_format, redactor)
    try:
        options = _options(arguments)
    except (KaituError, OSError, argparse.ArgumentTypeError) as error:
        print(f"kaitu-operator: {error}", file=sys.stderr)
        return 2
    try:
        return asyncio.run(run(options, redactor))
    except ApiError as error:
        log.error("the operator ends: %s", error)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kaitu-operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("crds", help="print the CustomResourceDefinitions as YAML")
    _run_arguments(commands.add_parser("run", help="run the operator until it is told to stop"))
    return parser


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--namespace",
        action="append",
        type=_namespace,
        metavar="NS",
        help="watch this namespace; may be repeated (KAITU_NAMESPACE, comma separated)",
    )
    where.add_argument(
        "--all-namespaces",
        action="store_true",
        help="watch every namespace (KAITU_ALL_NAMESPACES=true); the default without --namespace",
    )
    for flag, default, metavar, text in _FLAGS:
        name = _variable(flag)
        parser.add_argument(
            flag,
            default=os.environ.get(name, default),
            metavar=metavar,
            help=f"{text} ({name})",
        )
    for flag, choices, default, text in _CHOICES:
        name = _variable(flag)
        parser.add_argument(
            flag,
            type=partial(_one_of, choices),
            default=os.environ.get(name, default),
            metavar="|".join(choices),
            help=f"{text} ({name})",
        )


def _namespaces(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Those to watch, empty for all; what the command line says counts before the environment."""
    if arguments.all_namespaces or arguments.namespace:
        return () if arguments.all_namespaces else tuple(arguments.namespace)
    if os.environ.get("KAITU_ALL_NAMESPACES", "").lower() == "true":
        return ()
    names = os.environ.get("KAITU_NAMESPACE", "").split(",")
    return tuple(_namespace(name) for name in names if name.strip())


def _namespace(word: str) -> str:
    if not _NAME.fullmatch(word.strip()):
        raise argparse.ArgumentTypeError(f"{word!r} is no name of a namespace")
    return word.strip()


def _shards(word: str) -> int:
    if not (word.isascii() and word.isdecimal() and 1 <= int(word) <= MOST_SHARDS):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {MOST_SHARDS}, not {word!r}")
    return int(word)


def _address(word: str) -> str:
    port = word.rpartition(":")[2]
    if not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"must be ADDR:PORT, or 0, not {word!r}")
    return "" if word == "0" else word


def _variable(flag: str) -> str:
    return "KAITU_" + flag.strip("-").replace("-", "_").upper()


def _one_of(choices: Sequence[str], word: str) -> str:
    """``choices=`` of argparse lets a default pass unseen: ours may come from the environment."""
    if word not in choices:
        raise argparse.ArgumentTypeError(f"must be {' or '.join(choices)}, not {word!r}")
    return word


_CHOICES = (
    ("--log-level", LEVELS, "INFO", "how much to log; no level ever prints a secret"),
    ("--log-format", logs.FORMATS, "text", "text for people, or json: one object per line"),
)

_FLAGS = (
    ("--policy", None, "FILE", "what specs may ask for; stated defaults without it"),
    ("--lease-namespace", None, "NS", "where lease and installation live; default: the pod's"),
    (
        "--shards",
        "1",
        "N",
        f"into how many parts (1 to {MOST_SHARDS}) the fleet is divided among processes",
    ),
    ("--http", "127.0.0.1:8080", "ADDR:PORT", "where to serve /metrics and /healthz; 0: nowhere"),
)


def _options(arguments: argparse.Namespace) -> Options:
    """The options of ``run``; raises when the policy cannot be read."""
    text = Path(arguments.policy).read_text() if arguments.policy else ""
    return Options(
        namespaces=_namespaces(arguments),
        policy=parse(text) if text else Policy(),
        lease_namespace=arguments.lease_namespace,
        http=_address(arguments.http),
        shards=_shards(arguments.shards),
    )


if __name__ == "__main__":
    sys.exit(main())
