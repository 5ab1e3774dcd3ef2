"""The commands that ask the operator for something; each says which field it sets."""

from functools import partial

import typer

from kaitu.api.annotations import ADOPT
from kaitu.cli.kube import ask, look
from kaitu.cli.kube.common import (
    GOOD,
    NOT_GOOD,
    Done,
    aside,
    each,
    for_chosen,
    run,
    wait_seconds,
    where,
)
from kaitu.cli.kube.look import Body
from kaitu.cli.kube.next import learns
from kaitu.cli.kube.options import (
    All,
    Context,
    Everywhere,
    Fingerprint,
    From,
    Kubeconfig,
    Names,
    Namespace,
    NoColor,
    Node,
    Selector,
    Timeout,
    Wait,
)
from kaitu.cli.kube.session import Session
from kaitu.cli.usage import UsageError
from kaitu.core.reasons import Condition, Reason

app = typer.Typer()


@app.command()
def reconcile(
    names: Names = None,
    selector: Selector = "",
    everything: All = False,
    wait: Wait = False,
    timeout: Timeout = "5m",
    namespace: Namespace = "",
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """Have nodes visited now, on fresh connections and with their references read anew.

    Exit code: 0 asked, or with --wait Ready; 1 visited and not Ready; 3 trouble.
    """
    limit = wait_seconds(timeout)
    place = where(kubeconfig, context, namespace, everywhere)
    deed = partial(_visited, limit=limit) if wait else _asked
    for_chosen(place, names, selector, everything, deed)


async def _asked(session: Session, body: Body) -> Done:
    await ask.visit(session, body)
    later = "; it is suspended, so the visit waits until it is resumed"
    return GOOD, "a visit was asked for" + (later if look.suspended(body) else "")


async def _visited(session: Session, body: Body, limit: float) -> Done:
    found = await ask.visited(session, body, limit)
    return (GOOD if look.ready(found) else NOT_GOOD), _told(found)


def _told(body: Body) -> str:
    said = look.condition(body, Condition.READY)
    message = f": {said['message']}" if said.get("message") else ""
    return f"Ready {said.get('status')}, {said.get('reason')}{message}"


@app.command()
def suspend(
    names: Names = None,
    selector: Selector = "",
    everything: All = False,
    namespace: Namespace = "",
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """Make no more visits to nodes (spec.suspend: true); they run on as they are."""
    place = where(kubeconfig, context, namespace, everywhere)
    for_chosen(place, names, selector, everything, partial(_suspended, wanted=True))


@app.command()
def resume(
    names: Names = None,
    selector: Selector = "",
    everything: All = False,
    namespace: Namespace = "",
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """Visit nodes again (spec.suspend: false), at once."""
    place = where(kubeconfig, context, namespace, everywhere)
    for_chosen(place, names, selector, everything, partial(_suspended, wanted=False))


async def _suspended(session: Session, body: Body, *, wanted: bool) -> Done:
    word = "suspended" if wanted else "resumed"
    if look.suspended(body) == wanted:
        return GOOD, f"is {word} already" if wanted else "is not suspended"
    await ask.spec(session, body, suspend=wanted)
    return GOOD, word


@app.command()
def retry(
    names: Names = None,
    selector: Selector = "",
    everything: All = False,
    timeout: Timeout = "1m",
    namespace: Namespace = "",
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """Try once more what is held after a failure (annotation fleet.kaitu.io/retry)."""
    limit = wait_seconds(timeout)
    place = where(kubeconfig, context, namespace, everywhere)
    for_chosen(place, names, selector, everything, partial(_retried, limit=limit))


async def _retried(session: Session, body: Body, limit: float) -> Done:
    held = look.status(body).get("revision", {}).get("held")
    if not held:
        return GOOD, "nothing is held"
    await ask.annotate(session, body, "retry", held, limit)
    return GOOD, f"{held} will be tried once more"


@app.command("accept-host-key")
def accept_host_key(
    node: Node,
    fingerprint: Fingerprint,
    timeout: Timeout = "1m",
    namespace: Namespace = "",
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """Trust the new host key of a node, and no other one (hostKeyPolicy: TrustOnFirstUse).

    Compare it first: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the node's own console.
    """
    limit = wait_seconds(timeout)

    async def work(session: Session) -> int:
        body = await session.node(node)
        if not fingerprint.startswith("SHA256:"):
            raise UsageError("a fingerprint begins with SHA256:")
        if not learns(body):
            raise UsageError(f"{node} pins its keys: change spec.connection.hostKeys instead")

        async def deed(one: Body) -> Done:
            await ask.annotate(session, one, "acceptHostKey", fingerprint, limit)
            return GOOD, f"{fingerprint} is accepted if the node shows it"

        return await each(session, [body], deed)

    raise typer.Exit(run(where(kubeconfig, context, namespace), work))


@app.command()
def adopt(
    node: Node,
    owner: From = "",
    namespace: Namespace = "",
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """Take over a node: one with a deployment that nobody has claimed (spec.adopt: true), or with
    --from one that another installation owns (annotation fleet.kaitu.io/adopt).
    """

    async def work(session: Session) -> int:
        body = await session.node(node)
        said = look.condition(body, Condition.READY)
        if look.reason(said) is Reason.OWNED_BY_ANOTHER and not owner:
            aside(f"{node}: {said.get('message')}")
            raise UsageError("say whose it is, as the message has it: --from INSTALLATION-ID")
        return await each(session, [body], lambda one: _adopted(session, one, owner))

    raise typer.Exit(run(where(kubeconfig, context, namespace), work))


async def _adopted(session: Session, body: Body, owner: str) -> Done:
    if not owner:
        await ask.spec(session, body, adopt=True)
        told = "what runs there is taken over; what matches is not restarted"
        return GOOD, f"spec.adopt is true: {told}"
    if look.handled(body, "adopt") == owner:
        raise ask.TooLate(f"it was taken over from {owner} before; see {ADOPT} in its annotations")
    await ask.annotate(session, body, "adopt", owner, 0)
    return GOOD, f"will be taken over from installation {owner}"
