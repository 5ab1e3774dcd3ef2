"""The key pair with which this run logs in to its nodes."""

from dataclasses import dataclass
from pathlib import Path

from lab.command import run
from lab.packages import need


@dataclass(frozen=True)
class Keys:
    path: Path

    @classmethod
    def make(cls, state: Path) -> "Keys":
        need("ssh", "ssh-keygen", package="openssh-client")
        path = state / "id_ed25519"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path))
        return cls(path)

    @property
    def private(self) -> str:
        """In OpenSSH's format, as it would stand in a Secret."""
        return self.path.read_text()

    @property
    def public(self) -> str:
        return self.path.with_suffix(".pub").read_text().strip()
