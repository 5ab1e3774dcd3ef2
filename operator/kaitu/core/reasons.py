"""The closed list of reasons: what went wrong, in which layer, when to try again, what to do.

Every failure that a user can meet is one row of ``REASONS``. The row names the condition that
speaks for the layer, the verdict (False, or Unknown when only the instrument failed), the retry
class of design/safety.md, and the sentence that tells a person what to do.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Condition(StrEnum):
    """The condition types, in the order in which they decide ``Ready``."""

    REACHABLE = "Reachable"
    PROBE_TRUSTED = "ProbeTrusted"
    IN_SYNC = "InSync"
    HEALTHY = "Healthy"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Verdict(StrEnum):
    """The value of a condition; UNKNOWN is a verdict of its own, never an old TRUE."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Retry(StrEnum):
    """When a failed visit is tried again (see ``engine.schedule.DELAYS``)."""

    TRANSIENT = "R1"
    ABSENT = "R2"
    SLOW_DOWN = "R3"
    INPUT = "R4"
    PERSON = "R5"
    CONFLICT = "R6"


@dataclass(frozen=True, slots=True)
class Row:
    """What is known about one reason."""

    condition: Condition
    verdict: Verdict
    retry: Retry
    hint: str


class Reason(StrEnum):
    """Why a condition or an aspect is as it is. Closed: each has a row below and a page in docs."""

    # good, or on the way
    READY = "Ready"
    CONNECTED = "Connected"
    FRAME_VALID = "FrameValid"
    IN_SYNC = "InSync"
    APPLIED = "Applied"
    HEALTHY = "Healthy"
    RECONCILING = "Reconciling"
    DISRUPTING = "Disrupting"
    NOT_VISITED = "NotVisited"
    SUSPENDED = "Suspended"
    STALE = "Stale"
    # Reachable
    OBSERVER_DEGRADED = "ObserverDegraded"
    HOST_DENIED = "HostDenied"
    DNS_NOT_FOUND = "DNSNotFound"
    DNS_ERROR = "DNSError"
    DIAL_TIMEOUT = "DialTimeout"
    DIAL_REFUSED = "DialRefused"
    DIAL_UNREACHABLE = "DialUnreachable"
    BANNER_TIMEOUT = "BannerTimeout"
    NOT_SSH = "NotSSH"
    LOGIN_TIMEOUT = "LoginTimeout"
    JUMP_FAILED = "JumpFailed"
    HOST_KEY_CHANGED = "HostKeyChanged"
    ALGORITHM_MISMATCH = "AlgorithmMismatch"
    AUTH_FAILED = "AuthFailed"
    CONNECTION_LOST = "ConnectionLost"
    FLAPPING = "Flapping"
    KEY_NOT_FOUND = "KeyNotFound"
    KEY_INVALID = "KeyInvalid"
    KNOWN_HOSTS_FAILED = "KnownHostsFailed"
    # ProbeTrusted
    CHANNEL_REFUSED = "ChannelRefused"
    VISIT_DEADLINE = "VisitDeadline"
    OUTPUT_OVERFLOW = "OutputOverflow"
    PROBE_REJECTED = "ProbeRejected"
    NO_PRIVILEGE = "NoPrivilege"
    TOOL_MISSING = "ToolMissing"
    TOOL_CONTRACT = "ToolContract"
    # InSync
    INVALID_SPEC = "InvalidSpec"
    POLICY_DENIED = "PolicyDenied"
    REFERENCE_NOT_FOUND = "ReferenceNotFound"
    REFERENCE_INVALID = "ReferenceInvalid"
    REFERENCE_FORBIDDEN = "ReferenceForbidden"
    OWNED_BY_ANOTHER = "OwnedByAnother"
    NOT_OWNED = "NotOwned"
    ADOPTION_REQUIRED = "AdoptionRequired"
    FENCED = "Fenced"
    OBSERVED = "Observed"
    DRIFT_OBSERVED = "DriftObserved"
    FLEET_FROZEN = "FleetFrozen"
    WAITING_FOR_SLOT = "WaitingForSlot"
    HELD_ELSEWHERE = "HeldElsewhere"
    SECTION_OBSERVED = "SectionObserved"
    WAITING_FOR_API = "WaitingForAPI"
    NODE_BUSY = "NodeBusy"
    AWAITS_DEPLOYMENT = "AwaitsDeployment"
    DEPENDENCY_NOT_READY = "DependencyNotReady"
    PROTECTED_MISSING = "ProtectedMissing"
    PROTECTED_NAME = "ProtectedName"
    NO_SPACE = "NoSpace"
    READ_ONLY = "ReadOnlyFilesystem"
    READ_ONLY_ETC = "ReadOnlyEtc"
    UNSAFE_PATH = "UnsafePath"
    CONFLICT = "Conflict"
    FOREIGN_FILE = "ForeignFile"
    WRITE_FAILED = "WriteFailed"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    NOT_CONVERGED = "NotConverged"
    ENV_UNPARSABLE = "EnvUnparsable"
    ENV_UNSAFE = "EnvUnsafeToEdit"
    CRON_MISSING = "CronMissing"
    CRON_DOWN = "CronDown"
    USER_UNKNOWN = "UserUnknown"
    KEY_UNKNOWN = "KeyUnknown"
    KEY_OVERRIDDEN = "KeyOverridden"
    VALUE_REFUSED = "ValueRefused"
    DOCKER_MISSING = "DockerMissing"
    COMPOSE_UNSUPPORTED = "ComposeUnsupported"
    COMPOSE_INVALID = "ComposeInvalid"
    PULL_FAILED = "PullFailed"
    PULL_RATE_LIMITED = "PullRateLimited"
    IMAGE_NOT_FOUND = "ImageNotFound"
    GATE_FAILED = "GateFailed"
    UP_FAILED = "UpFailed"
    VERIFY_FAILED = "VerifyFailed"
    INTERRUPTED = "Interrupted"
    UNOBSERVED = "Unobserved"
    # Healthy
    DOCKER_DOWN = "DockerDown"
    DOCKER_HUNG = "DockerHung"
    NOT_RUNNING = "ServiceNotRunning"
    UNHEALTHY = "ServiceUnhealthy"
    STARTING = "ServiceStarting"
    CRASH_LOOP = "CrashLoop"
    DISK_FULL = "DiskFull"
    PORT_CLOSED = "PortClosed"
    # Stalled
    INTERNAL_ERROR = "InternalError"


def _rows() -> dict[Reason, Row]:
    c, v, r, s = Condition, Verdict, Retry, Reason
    reach, probe, sync, healthy = c.REACHABLE, c.PROBE_TRUSTED, c.IN_SYNC, c.HEALTHY
    yes, no, unknown = v.TRUE, v.FALSE, v.UNKNOWN
    soon, absent, slow = r.TRANSIENT, r.ABSENT, r.SLOW_DOWN
    fix, person, again = r.INPUT, r.PERSON, r.CONFLICT
    table: list[tuple[Reason, Condition, Verdict, Retry, str]] = [
        (s.READY, c.READY, yes, soon, "Nothing to do."),
        (s.CONNECTED, reach, yes, soon, "Nothing to do."),
        (s.FRAME_VALID, probe, yes, soon, "Nothing to do."),
        (s.IN_SYNC, sync, yes, soon, "Nothing to do."),
        (s.APPLIED, sync, yes, soon, "Nothing to do: what differed was changed and read back."),
        (s.HEALTHY, healthy, yes, soon, "Nothing to do."),
        (s.RECONCILING, c.RECONCILING, yes, soon, "Wait; status.plan says what is being done."),
        (s.DISRUPTING, c.RECONCILING, yes, soon, "Wait; the node holds a slot of maxDisrupted until it is seen at rest."),
        (s.NOT_VISITED, c.READY, unknown, soon, "Wait for the first visit."),
        (s.SUSPENDED, c.READY, unknown, soon, "Set spec.suspend to false to visit again."),
        (s.STALE, c.READY, unknown, soon, "See whether the operator runs and is not overloaded."),
        (s.OBSERVER_DEGRADED, reach, unknown, soon, "The operator could not look: see its log, its load and its network."),
        (s.HOST_DENIED, reach, no, fix, "The address is outside the policy's hosts; change spec.connection.host or the policy."),
        (s.DNS_NOT_FOUND, reach, no, absent, "The name does not exist; check spec.connection.host."),
        (s.DNS_ERROR, reach, unknown, soon, "The resolver did not answer; check DNS where the operator runs."),
        (s.DIAL_TIMEOUT, reach, unknown, absent, "No answer; check that the host is up and the port is not filtered."),
        (s.DIAL_REFUSED, reach, no, absent, "Nothing listens; check spec.connection.port and sshd."),
        (s.DIAL_UNREACHABLE, reach, unknown, absent, "No route; check the network between operator and node."),
        (s.BANNER_TIMEOUT, reach, unknown, absent, "The port opens but sshd says nothing; the host may be frozen or overloaded."),
        (s.NOT_SSH, reach, no, absent, "Something else listens on this port; check spec.connection.port."),
        (s.LOGIN_TIMEOUT, reach, unknown, absent, "sshd greets but does not let anybody in; look at its load, its DNS and PAM."),
        (s.JUMP_FAILED, reach, unknown, absent, "A jump on the way failed, and nothing was said to the node. The message names the jump and the cause, which decides verdict and time of the next attempt."),
        (s.HOST_KEY_CHANGED, reach, no, person, "Reinstalled? Put the new key into hostKeys of the node, or of the jump that the message names; with TrustOnFirstUse, accept it as the message says. If not, do not log in: it may not be your machine."),
        (s.ALGORITHM_MISMATCH, reach, no, fix, "sshd offers only algorithms that are not accepted; update OpenSSH on the node."),
        (s.AUTH_FAILED, reach, no, slow, "The key was refused; check spec.connection.user and authorized_keys."),
        (s.CONNECTION_LOST, reach, unknown, soon, "The connection broke; it is tried again."),
        (s.FLAPPING, reach, unknown, soon, "The node comes and goes; one more good visit in a row is awaited."),
        (s.KEY_NOT_FOUND, reach, no, fix, "Create the Secret of spec.connection.privateKeySecretRef."),
        (s.KEY_INVALID, reach, no, fix, "The key Secret must be of type kubernetes.io/ssh-auth and hold an unencrypted ssh-privatekey."),
        (s.KNOWN_HOSTS_FAILED, reach, unknown, soon, "The ConfigMap kaitu-known-hosts cannot be read, written or understood; see the message. Without a stored key nobody logs in."),
        (s.CHANNEL_REFUSED, probe, unknown, soon, "sshd refused a session; check MaxSessions and forced commands."),
        (s.VISIT_DEADLINE, probe, unknown, soon, "The node answered too slowly; it may be overloaded. spec.timeout can be raised."),
        (s.OUTPUT_OVERFLOW, probe, no, absent, "The node sent far more than a probe does; look at the account's shell start files."),
        (s.PROBE_REJECTED, probe, no, soon, "The answer was no valid frame; look for a forced command or text printed at login."),
        (s.NO_PRIVILEGE, probe, no, fix, "The user needs sudo without a password, or use root."),
        (s.TOOL_MISSING, probe, no, fix, "Install the named tool on the node."),
        (s.TOOL_CONTRACT, probe, no, fix, "A basic tool of the node gives wrong answers; check what replaced it."),
        (s.INVALID_SPEC, sync, no, fix, "Correct the named field."),
        (s.POLICY_DENIED, sync, no, fix, "The operator's policy forbids it; change the field or ask who runs the operator."),
        (s.REFERENCE_NOT_FOUND, sync, no, fix, "Create the named object or key in the namespace of the KaituNode."),
        (s.REFERENCE_INVALID, sync, no, fix, "Correct the named object: a Secret for env is Opaque and labelled fleet.kaitu.io/use: env."),
        (s.REFERENCE_FORBIDDEN, sync, no, fix, "Let the operator's role get this object."),
        (s.OWNED_BY_ANOTHER, sync, no, person, "Another installation or KaituNode owns the node; remove one of them, or adopt by annotation."),
        (s.NOT_OWNED, sync, no, again, "The node's owner record is gone; the next visit claims it again."),
        (s.ADOPTION_REQUIRED, sync, no, fix, "The node runs a deployment already: look at status.plan, then set spec.adopt to true."),
        (s.FENCED, sync, no, again, "A newer leader has written to the node; this one stops writing."),
        (s.OBSERVED, sync, yes, soon, "Mode Observe: nothing is written."),
        (s.DRIFT_OBSERVED, sync, no, soon, "Mode Observe: see status.plan for what would be done."),
        (s.FLEET_FROZEN, sync, no, soon, "Many nodes were lost at once, and until most are back none is written: look at the operator's own network first."),
        (s.WAITING_FOR_SLOT, sync, no, soon, "Others are being changed; this node follows (maxDisrupted)."),
        (s.HELD_ELSEWHERE, sync, no, fix, "This release failed on another node; correct the release."),
        (s.SECTION_OBSERVED, sync, no, fix, "A section that belongs to this one is in mode Observe; set both to Enforce."),
        (s.WAITING_FOR_API, sync, no, soon, "The API server does not take writes; disruptive work waits for it."),
        (s.NODE_BUSY, sync, no, soon, "Another writer holds the node's lock; it is tried again."),
        (s.DEPENDENCY_NOT_READY, sync, no, soon, "Mend the named aspect first."),
        (s.AWAITS_DEPLOYMENT, sync, no, soon, "The deployment sets it: see what the section compose says."),
        (s.PROTECTED_MISSING, sync, no, fix, "Put K2_NODE_SECRET into the node's .env yourself; the operator never does."),
        (s.PROTECTED_NAME, sync, no, fix, "Remove the protected name from spec.env."),
        (s.NO_SPACE, sync, no, absent, "Free space on the node."),
        (s.READ_ONLY, sync, no, absent, "The file system is read-only; look at the node's disk and mounts."),
        (s.READ_ONLY_ETC, sync, no, fix, "/etc cannot be written on this system; manage cron and sysctl there by its own means."),
        (s.UNSAFE_PATH, sync, no, fix, "A symlink or a file that is no regular file is in the way; remove it."),
        (s.CONFLICT, sync, no, again, "The file changed while it was being written; it is read again."),
        (s.FOREIGN_FILE, sync, no, fix, "A file that is not ours has this name; rename the entry or remove the file."),
        (s.WRITE_FAILED, sync, no, soon, "The node could not write; see the message."),
        (s.OUTCOME_UNKNOWN, sync, unknown, soon, "The connection broke during a write; the next visit looks."),
        (s.NOT_CONVERGED, sync, no, soon, "A change did not stay; look for another program that sets it."),
        (s.ENV_UNPARSABLE, sync, no, fix, "compose cannot read the node's .env, as with a quote that is never closed; correct it by hand."),
        (s.ENV_UNSAFE, sync, no, fix, "A managed key sits in a multi-line value of .env; correct it by hand."),
        (s.CRON_MISSING, sync, no, fix, "Install cron on the node."),
        (s.CRON_DOWN, sync, no, absent, "Start cron on the node."),
        (s.USER_UNKNOWN, sync, no, fix, "The user of the cron entry does not exist on the node."),
        (s.KEY_UNKNOWN, sync, no, fix, "This kernel lacks the key; remove it or mark it optional."),
        (s.KEY_OVERRIDDEN, sync, no, fix, "Another file sets the key later at boot; remove it there."),
        (s.VALUE_REFUSED, sync, no, fix, "The kernel did not take the value; check it."),
        (s.DOCKER_MISSING, sync, no, fix, "Install Docker on the node."),
        (s.COMPOSE_UNSUPPORTED, sync, no, fix, "Install a newer compose plugin, or lower spec.compose.minimumPlugin."),
        (s.COMPOSE_INVALID, sync, no, fix, "The node's compose refuses the file; correct it."),
        (s.PULL_FAILED, sync, no, slow, "The registry did not deliver; it is tried again."),
        (s.PULL_RATE_LIMITED, sync, no, slow, "The registry asks to slow down; it is tried again later."),
        (s.IMAGE_NOT_FOUND, sync, no, fix, "The registry has no such image; correct the file."),
        (s.GATE_FAILED, sync, no, fix, "The gate service never became healthy; correct the release. Services behind it were not touched."),
        (s.UP_FAILED, sync, no, fix, "compose could not start the release; correct it."),
        (s.VERIFY_FAILED, sync, no, fix, "What runs is not what was asked; look at the named service."),
        (s.INTERRUPTED, sync, no, soon, "The job on the node ended without a result; it is done again."),
        (s.UNOBSERVED, sync, unknown, soon, "The probe could not see this; see the other conditions."),
        (s.DOCKER_DOWN, healthy, no, absent, "Start Docker on the node."),
        (s.DOCKER_HUNG, healthy, unknown, soon, "Docker does not answer; look at the node."),
        (s.NOT_RUNNING, healthy, no, soon, "The service's container is not running; look at its logs."),
        (s.UNHEALTHY, healthy, no, soon, "The service's health check fails; look at its logs."),
        (s.STARTING, healthy, unknown, soon, "The service has just started; wait."),
        (s.CRASH_LOOP, healthy, no, soon, "The service restarts again and again; look at its logs."),
        (s.DISK_FULL, healthy, no, soon, "Free space on the node."),
        (s.PORT_CLOSED, healthy, no, soon, "The port does not answer from outside; look at the service and the firewall."),
        (s.INTERNAL_ERROR, sync, unknown, soon, "A defect of the operator; its log has the trace. Nothing was changed after it."),
    ]  # fmt: skip
    return {reason: Row(layer, is_, retry, hint) for reason, layer, is_, retry, hint in table}


REASONS: Final[dict[Reason, Row]] = _rows()
