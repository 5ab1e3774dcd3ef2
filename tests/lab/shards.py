"""Run the integration tests in two pytest processes side by side: most of their time is waiting.

Usage: python -m lab.shards FOLDER [PYTEST-ARGUMENT...]. The first shard's output is shown as it
comes, the second's when both have ended. Both have a lab of their own; runs do not meet.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

# Seconds of the files that take long, as measured on a quiet machine; the others take little.
LONG = {
    "test_quiet.py": 260,
    "test_faults.py": 260,
    "test_leaves.py": 240,
    "test_process.py": 230,
    "test_deploy.py": 200,
    "test_main_job.py": 110,
    "test_faults_release.py": 110,
    "test_faults_kill.py": 110,
    "test_deploy_more.py": 100,
    "test_canary.py": 90,
    "test_ssh_faults.py": 80,
    "test_lab_node.py": 70,
    "test_guardrails.py": 60,
}
SHORT = 30


def split(files: list[Path], count: int = 2) -> list[list[Path]]:
    """The longest file first, each to the shard that has least."""
    shards: list[list[Path]] = [[] for _ in range(count)]
    loads = [0] * count
    for file in sorted(files, key=lambda f: -LONG.get(f.name, SHORT)):
        least = loads.index(min(loads))
        shards[least].append(file)
        loads[least] += LONG.get(file.name, SHORT)
    return shards


def main(folder: Path, *arguments: str) -> int:
    first, second = split(sorted(folder.glob("test_*.py")))
    pytest = (sys.executable, "-m", "pytest", *arguments)
    with tempfile.TemporaryFile("w+") as shown_later:
        other = subprocess.Popen(
            (*pytest, *map(str, second)), stdout=shown_later, stderr=subprocess.STDOUT
        )
        try:
            code = subprocess.run((*pytest, *map(str, first)), check=False).returncode
            other_code = other.wait()
        except KeyboardInterrupt:
            other.wait()  # Ctrl-C reaches both; the other tidies up
            raise
        shown_later.seek(0)
        print(shown_later.read(), flush=True)
    return code or other_code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
