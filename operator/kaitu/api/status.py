"""The status of a KaituNode as it is written: a report, with bounds (see ``bounds.fitted``).

Little is required: the server refuses the whole of a status that lacks one required field.
"""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from kaitu.core.outcome import State
from kaitu.core.plan import Action
from kaitu.core.reasons import Verdict
from kaitu.core.rules import Keyed

MOST_DRIFT: Final = 20
MOST_STEPS: Final = 50

Word = Annotated[str, Field(max_length=256)]
Line = Annotated[str, Field(max_length=1024)]
Message = Annotated[str, Field(max_length=32768)]
Token = Annotated[str, Field(max_length=1024)]
Count = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]


class StatusModel(BaseModel):
    """Base of what the operator reports."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class Condition(StatusModel):
    """One verdict. Unknown is a verdict of its own: what could not be found out is never True."""

    type: Word
    """Ready, Reachable, ProbeTrusted, InSync, Healthy; Reconciling and Stalled only while true."""
    status: Verdict
    """True, False or Unknown."""
    reason: Word
    """Why, from a closed list; docs/reference.md says what to do about each."""
    message: Message
    """What happened, to which thing, and what was left untouched."""
    last_transition_time: Time
    """When the status last turned."""
    observed_generation: Annotated[int, Field(json_schema_extra={"format": "int64"})] | None = None
    """The generation of the spec that this is about."""


class Revision(StatusModel):
    """Which state is wanted and which was last in place."""

    desired: Word | None = None
    """Digest of the wanted state and of the versions of what it refers to."""
    applied: Word | None = None
    """The digest that was last found in sync."""
    held: Word | None = None
    """A release, or newer images of one, that failed on this node; it is not tried again until its
    input changes, or the annotation fleet.kaitu.io/retry has this value."""


class AspectStatus(StatusModel):
    """One section of the spec."""

    name: Word
    """The section."""
    state: State
    """InSync, OutOfSync, Unknown, Waiting, Failed or Observed."""
    reason: Word
    """Why, from the same closed list."""
    message: Line | None = None
    """What happened, to which thing."""


class Drift(StatusModel):
    """One thing that is not as wanted."""

    aspect: Word
    """The section that it belongs to."""
    item: Line
    """The key, entry or file."""
    kind: Word
    """missing, changed, extra or stopped."""
    first_seen: Time
    """Since when."""


class TouchedService(StatusModel):
    """One service that does not stay as it is."""

    name: Word
    """Name in the compose file."""
    action: Action
    """started, recreated, restarted, removed; unsure where only doing it would tell."""


class PlannedStep(StatusModel):
    """One step that would be done."""

    aspect: Word
    """The section that it belongs to."""
    text: Line
    """What it does; never a secret value."""
    disrupts: Word
    """nothing, services or host."""
    services: Annotated[tuple[TouchedService, ...], Field(max_length=64)] | None = None
    """Every service that it touches; all others run on. Absent where that is not known."""


class Plan(StatusModel):
    """What would be done: present in mode Observe and while the node waits."""

    digest: Word
    """Tells two plans apart."""
    steps: Annotated[tuple[PlannedStep, ...], Field(max_length=MOST_STEPS)]
    """The steps, in order."""


class Finding(StatusModel):
    """What is wrong on the node and not ours to mend."""

    signature: Line
    """What kind of thing it is."""
    since: Time | None = None
    """When it was first seen."""
    evidence: Line | None = None
    """Where it was seen."""


class ServiceStatus(StatusModel):
    """One service as it runs."""

    name: Word
    """Name in the compose file."""
    image: Annotated[str, Field(max_length=512)] | None = None
    """The image's name."""
    image_id: Annotated[Word | None, Field(alias="imageID")] = None
    """The image that runs, by content."""
    state: Word | None = None
    """State of the container."""
    health: Word | None = None
    """What its health check says."""
    restarts: Count | None = None
    """How often Docker restarted it."""
    started_at: Time | None = None
    """Since when it runs."""


class UpdateStatus(StatusModel):
    """How one release, or one update of images, ended on the node."""

    time: Time
    """When, by the node's clock."""
    version: Word
    """The release."""
    result: Word
    """Applied, or the reason of the failure."""
    service: Word | None = None
    """The service that it failed at."""


class ComposeStatus(StatusModel):
    """What runs, as opposed to what is wanted."""

    version: Word | None = None
    """The release that runs."""
    file_digest: Word | None = None
    """SHA-256 of the compose file in place."""
    services: Annotated[tuple[ServiceStatus, ...], Field(max_length=64)] | None = None
    """The services."""
    updates: Annotated[tuple[UpdateStatus, ...], Field(max_length=10)] | None = None
    """The last ten releases and image updates, the newest last."""


class EnvStatus(StatusModel):
    """Counts about the node's .env; never a value, never a digest of one."""

    managed: Count | None = None
    """How many variables are ours."""
    in_sync: Count | None = None
    """How many of them are as wanted."""
    protected_present: bool | None = None
    """Whether K2_NODE_SECRET has a value. The value itself is never read."""


Address = Annotated[str, Field(max_length=64)]


class NodeFacts(StatusModel):
    """What the node is; things that seldom move."""

    os: Line | None = None
    """Name of the operating system."""
    kernel: Word | None = None
    """Release of the kernel."""
    arch: Word | None = None
    """Machine type, such as x86_64."""
    booted_at: Time | None = None
    """When it was last booted."""
    cpus: Count | None = None
    """Number of processors."""
    mem_total_bytes: Count | None = None
    """Size of its memory."""
    disk_total_bytes: Count | None = None
    """Size of the file system of the deployment directory."""
    ipv6: Annotated[tuple[Address, ...], Field(max_length=32)] | None = None
    """Its global IPv6 addresses."""
    docker: Word | None = None
    """Version of Docker."""
    compose: Word | None = None
    """Version of the compose plugin."""


class ConnectionStatus(StatusModel):
    """How the node was reached last."""

    host_key_fingerprint: Word | None = None
    """SHA-256 of the host key that it answered with."""
    address: Word | None = None
    """The address that was dialled."""


class Handled(StatusModel):
    """Requests by annotation that were handled, as they were written."""

    requested_at: Token | None = None
    """Last handled value of fleet.kaitu.io/requestedAt."""
    adopt: Token | None = None
    """Last handled value of fleet.kaitu.io/adopt."""
    pull_at: Token | None = None
    """Last handled value of fleet.kaitu.io/pullAt."""
    retry: Token | None = None
    """Last handled value of fleet.kaitu.io/retry."""
    accept_host_key: Token | None = None
    """Last handled value of fleet.kaitu.io/accept-host-key."""


class NodeStatus(StatusModel):
    """What was true when the node was last visited."""

    observed_generation: Annotated[int, Field(json_schema_extra={"format": "int64"})] | None = None
    """The generation of the spec that was last looked at; -1 before that."""
    revision: Revision | None = None
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), Keyed("type")] | None = None
    """The verdicts. Ready is True only while the last visit is fresh and all others are True."""
    aspects: Annotated[tuple[AspectStatus, ...], Field(max_length=16), Keyed("name")] | None = None
    """The sections of the spec, one by one."""
    drift: Annotated[tuple[Drift, ...], Field(max_length=MOST_DRIFT)] | None = None
    """What is not as wanted, the first of it."""
    plan: Plan | None = None
    findings: Annotated[tuple[Finding, ...], Field(max_length=20)] | None = None
    """What is wrong on the node and not ours to mend."""
    architecture: Word | None = None
    """The generation of the stack, told by what runs: k2v5, k2-slave or Unknown."""
    compose: ComposeStatus | None = None
    env: EnvStatus | None = None
    facts: NodeFacts | None = None
    connection: ConnectionStatus | None = None
    handled: Handled | None = None
    last_visit_time: Time | None = None
    """The last finished visit; on a node in order it is refreshed every ten minutes."""
    last_change_time: Time | None = None
    """When the operator last changed something on the node."""
