"""Over the whole run: whoever wrote held the Lease. Runs last: it reads what the others left."""

from dataclasses import replace

from integration.standing import Vps
from lab.audit import Request, writes
from lab.installed import Installed


def trespasses(log: list[Request]) -> list[Request]:
    """Writes of a pod while the last one to write the Lease was another."""
    holder, found = "", []
    for one in (each for each in log if each.code < 300):
        if "/leases" in one.uri:
            holder = one.pod
        elif one.pod != holder:
            found.append(one)
    return found


def test_never_did_two_write(vps: Vps, operator: Installed) -> None:
    log = writes(operator.plane)
    assert all(one.pod for one in log)
    status = next(one for one in reversed(log) if "/kaitunodes/" in one.uri and one.code < 300)

    assert trespasses(log) == []
    assert trespasses([*log, replace(status, pod="another")]) != []
