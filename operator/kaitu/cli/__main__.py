"""The programs ``kaituctl`` and ``kubectl-kaitu``, which are one."""

import logging
import sys

from kaitu.cli.app import app
from kaitu.cli.kube.ask import TooLate
from kaitu.cli.kube.common import failed
from kaitu.cli.show import console
from kaitu.cli.usage import UsageError
from kaitu.cli.verdict import TROUBLE, USAGE
from kaitu.cluster.errors import ApiError
from kaitu.core.errors import KaituError

log = logging.getLogger(__name__)


def main() -> None:
    """Entry point; leaves with the exit code."""
    try:
        app()
    except UsageError as error:
        console(stderr=True).print(f"kaituctl: {error}", style="red")
        sys.exit(USAGE)
    except ApiError as error:
        failed(error)
        sys.exit(TROUBLE)
    except TooLate as error:
        console(stderr=True).print(f"kaituctl: {error}", style="red")
        sys.exit(TROUBLE)
    except KaituError as error:
        console(stderr=True).print(f"kaituctl: {error}\n{error.row.hint}", style="red")
        sys.exit(TROUBLE)
    except Exception as error:
        log.debug("a defect", exc_info=True)
        what = f"kaituctl: a defect: {type(error).__name__}; nothing was changed after it"
        console(stderr=True).print(what, style="red")
        sys.exit(TROUBLE)


if __name__ == "__main__":
    main()
