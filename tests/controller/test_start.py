"""What a person sees when the operator cannot begin."""

from kaitu.controller.__main__ import main


def test_without_a_login_it_says_so_in_one_line_and_ends(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    assert main(["run", "--http", "0"]) == 1

    ends = [record for record in caplog.records if "the operator ends" in record.message]
    assert [record.exc_info for record in ends] == [None]
    assert f"no login from {tmp_path / 'none'}" in ends[0].message
