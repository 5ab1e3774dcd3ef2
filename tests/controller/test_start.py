"""What a person sees when the operator cannot begin."""

import resource

from kaitu.controller.__main__ import main
from kaitu.controller.startup import files


def test_without_a_login_it_says_so_in_one_line_and_ends(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    assert main(["run", "--http", "0"]) == 1

    ends = [record for record in caplog.records if "the operator ends" in record.message]
    assert [record.exc_info for record in ends] == [None]
    assert f"no login from {tmp_path / 'none'}" in ends[0].message


def test_the_limit_of_open_files_is_raised_to_what_it_may_be():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 300), hard))
    try:
        assert files() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
