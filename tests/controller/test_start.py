"""What a person sees when the operator cannot begin."""

import resource

import pytest

from kaitu.controller.__main__ import _options, _parser, main
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


@pytest.mark.parametrize(
    ("words", "variables", "watched"),
    [
        ([], {}, ()),
        ([], {"KAITU_NAMESPACE": "a, b"}, ("a", "b")),
        ([], {"KAITU_ALL_NAMESPACES": "true", "KAITU_NAMESPACE": "a"}, ()),
        (["--namespace", "c"], {"KAITU_NAMESPACE": "a"}, ("c",)),
        (["--namespace", "c"], {"KAITU_ALL_NAMESPACES": "true"}, ("c",)),
        (["--all-namespaces"], {"KAITU_NAMESPACE": "a"}, ()),
    ],
)
def test_the_command_line_counts_before_the_environment(
    words: list[str],
    variables: dict[str, str],
    watched: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _options(_parser().parse_args(["run", *words])).namespaces == watched


@pytest.mark.parametrize("address", ["abc", ":99999", "localhost:http"])
def test_an_address_that_is_none_is_refused(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--http", address]) == 2
    assert "must be ADDR:PORT" in capsys.readouterr().err
