import pytest

from kaitu.core.containers import Engine
from kaitu.core.deployment import ComposeFacts
from kaitu.core.release import Held, Releases, Running


@pytest.mark.parametrize(
    ("kind", "pending", "held", "disturbed"),
    [
        ("", "", "", False),
        ("pull", "", "", False),
        ("record", "", "", False),
        ("up", "", "", True),
        ("repair", "", "", True),
        ("-", "", "", True),  # it has not said yet what it does
        ("", "r2", "", True),
        ("pull", "r2", "", True),
        ("", "r2", "r2", False),
        ("", "r2", "r1", True),
    ],
)
def test_disturbed_is_what_changes_or_was_left_half_changed(
    kind: str, pending: str, held: str, disturbed: bool
) -> None:
    releases = Releases(
        directory="present",
        file="absent",
        running=Running(kind, "k", "-") if kind else None,
        pending=pending,
        held=Held(held, True, "EUP", "-", "kept", held) if held else None,
    )

    assert ComposeFacts(Engine("ok"), releases, None, owned=True).disturbed is disturbed
