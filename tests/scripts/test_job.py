"""Parts of the job that can be judged without a Docker; the whole is tried on a real node."""

import subprocess
from pathlib import Path

import pytest

from scripts.run import SHELLS, joined


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("K2_NODE_SECRET=x\n", True),
        ("A=1\r\nexport K2_NODE_SECRET: 'x'\r\n", True),
        ('K2_NODE_SECRET="#x"', True),
        ("K2_NODE_SECRET=0", True),
        ("", False),
        ("A=1\n#K2_NODE_SECRET=x\nXK2_NODE_SECRET=x\n", False),
        ("K2_NODE_SECRET=\n", False),
        ("K2_NODE_SECRET=''\r\n", False),
        ('K2_NODE_SECRET="" # later\n', False),
        ("K2_NODE_SECRET=x\nK2_NODE_SECRET=\n", False),
    ],
)
def test_a_secret_is_filled_or_not(shell: str, text: str, filled: bool, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(text)
    program = [shell, "sh"] if shell == "busybox" else [SHELLS[shell]]
    script = f"{joined('job.sh')}\nsecret_filled {file}"

    assert (subprocess.run([*program, "-c", script], check=False).returncode == 0) is filled


@pytest.mark.parametrize("shell", SHELLS)
def test_the_jitter_costs_nothing_of_the_time_for_pulls(shell: str, tmp_path: Path) -> None:
    program = [shell, "sh"] if shell == "busybox" else [SHELLS[shell]]
    script = f"""{joined("job.sh", "job_pull.sh")}
        kind=pull key=k job={tmp_path} jitter=300 attempts=5 services=a clock=0
        now() {{ echo "$clock"; }}
        random() {{ echo 300; }}
        sleep() {{ clock=$((clock + $1)); }}
        pull_one() {{ echo "$((deadline - clock)) s for $service"; }}
        note_tags() {{ :; }}
        note_next() {{ :; }}
        kept() {{ :; }}
        pull_all"""

    done = subprocess.run([*program, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "1800 s for a\n"
