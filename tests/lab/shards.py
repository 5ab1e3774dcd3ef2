"""Run the integration tests in three pytest processes side by side: most of it is waiting.

Usage: python -m lab.shards FOLDER [PYTEST-ARGUMENT...]. The first shard's output is shown as it
comes, that of the others when all have ended. Each has a lab of its own; runs do not meet.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

# Seconds of the files that take long, as measured on a quiet machine; the others take little.
LONG = {
    "test_fleet.py": 340,
    "test_quiet.py": 260,
    "test_faults.py": 260,
    "test_leaves.py": 240,
    "test_process.py": 260,
    "test_restore.py": 320,
    "test_images.py": 240,
    "test_foresight.py": 220,
    "test_deploy.py": 200,
    "test_docs.py": 260,
    "test_howto.py": 130,
    "test_image.py": 150,
    "test_takeover.py": 130,
    "test_main_job.py": 110,
    "test_faults_release.py": 110,
    "test_faults_kill.py": 110,
    "test_deploy_more.py": 100,
    "test_docker_seen.py": 60,
    "test_canary.py": 90,
    "test_chart_rights.py": 90,
    "test_chart_install.py": 60,
    "test_chart.py": 40,
    "test_jumps.py": 95,
    "test_ctl_release.py": 120,
    "test_telemetry.py": 80,
    "test_ctl.py": 70,
    "test_ctl_cluster.py": 90,
    "test_startup.py": 60,
    "test_ssh_faults.py": 80,
    "test_generations.py": 80,
    "test_lab_node.py": 70,
    "test_guardrails.py": 60,
    "test_manifests.py": 60,
    "test_howto_gitops.py": 50,
    "test_tofu.py": 50,
    "test_scale.py": 60,
    "test_shards.py": 150,
}
SHORT = 30
SHARDS = 3


def split(files: list[Path], count: int = SHARDS) -> list[list[Path]]:
    """The longest file first, each to the shard that has least."""
    shards: list[list[Path]] = [[] for _ in range(count)]
    loads = [0] * count
    for file in sorted(files, key=lambda f: -LONG.get(f.name, SHORT)):
        least = loads.index(min(loads))
        shards[least].append(file)
        loads[least] += LONG.get(file.name, SHORT)
    return shards


def main(folder: Path, *arguments: str) -> int:
    pytest = (sys.executable, "-m", "pytest", *arguments)
    first, *others = ((*pytest, *map(str, one)) for one in split(sorted(folder.glob("test_*.py"))))
    with ExitStack() as closing:
        shown_later = [closing.enter_context(tempfile.TemporaryFile("w+")) for _ in others]
        started = [
            subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
            for command, file in zip(others, shown_later, strict=True)
        ]
        try:
            code = subprocess.run(first, check=False).returncode
        finally:  # Ctrl-C reaches all; each tidies up
            codes = [one.wait() for one in started]
        for file in shown_later:
            file.seek(0)
            print(file.read(), flush=True)
    return max(code, *codes)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
