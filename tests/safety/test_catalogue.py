"""Guardrails 2 to 6, read off the scripts: a walk over everything that can ever run on a node."""

import re

import pytest

from kaitu.core.command import CATALOGUE, Command
from kaitu.remote import loader
from safety.rules import RULES, Rule, breaches, commands
from scripts.run import SCRIPTS

NAMES = {
    *("probe", "claim", "release", "put_file", "remove_file", "set_sysctl"),
    *("merge_env", "start_job", "foresee", "read_deployment"),
}
READS = {"probe", "foresee", "read_deployment"}


def test_the_catalogue_is_this() -> None:
    """Whoever adds a command comes here, and thinks about what it may do."""
    assert CATALOGUE.keys() == NAMES
    assert {name for name, script in CATALOGUE.items() if not script.writes} == READS
    assert {name for name, script in CATALOGUE.items() if script.mounts} == {"foresee"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_script_says_what_it_must_not(name: str) -> None:
    assert breaches(loader.script_text(name)) == []


@pytest.mark.parametrize(
    ("rule", "plant"), [(rule, plant) for rule in RULES for plant in rule.plants], ids=str
)
def test_what_is_planted_in_a_script_is_found(rule: Rule, plant: str) -> None:
    """Also behind a comment, in a function, and over two lines."""
    split = plant.replace(" ", " \\\n    ", 1)
    for planted in (plant, f"x() {{ # one\n    {plant}\n}}", f"true; {split}"):
        assert any(found.startswith(f"{rule.name}: ") for found in breaches(f"true\n{planted}\n"))


MUTATIONS = {
    "orphans removed": ("--remove-orphans=false", "--remove-orphans", "up is careful"),
    "pull while going up": ("--pull never", "--pull always", "up is careful"),
    "down before up": ("    phase up\n", "    live 60 down\n    phase up\n", "never down"),
    "the whole config": ("config -q", "config", "config is asked for names only"),
    "another inspect": ("--format \"$survey_format\" ", "", "inspect has a fixed format"),
    "all of a container": ("{{.RestartCount}}", "{{json .}}", "formats hold no environment"),
    "the environment of Docker": ("env -i ", "", "Docker runs in an empty environment"),
    "the directory removed": ('rm -f "$job/env"', 'rm -rf "$directory"', "no directory but"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "rule"), MUTATIONS.values(), ids=MUTATIONS)
def test_a_script_that_loses_a_guard_is_caught(old: str, new: str, rule: str) -> None:
    text = loader.script_text("start_job")
    assert old in text

    assert any(found.startswith(rule) for found in breaches(text.replace(old, new)))


def test_the_probe_writes_no_temporary_file_either() -> None:
    """Some shells keep a here-document in one."""
    assert any("<<" in line for line in commands(loader.script_text("set_sysctl")))
    assert not any("<<" in line for line in commands(loader.script_text("probe")))


def test_the_only_words_evaluated_are_the_script_itself() -> None:
    assert loader.LOADER.count("eval") == 1
    assert loader.LOADER.endswith('[ "${h%% *}" = "$2" ] || exit 86; shift 2; eval "$s"')


def test_nothing_is_put_into_a_script() -> None:
    """The text of a command is that of its files, whatever the words and the data are."""
    for name, script in CATALOGUE.items():
        whole = "".join((SCRIPTS / part).read_text() for part in script.files)
        sent = loader.payload(Command(name, ("a-word",), b"$(some data)"))
        assert sent == whole.encode() + b"$(some data)"
        assert not re.search(r"(?<![$%{])\{[a-z_]+\}|%\([a-z]+\)s|@[A-Z_]+@", whole)  # templates


def test_what_is_not_in_the_catalogue_cannot_be_made() -> None:
    for name in ("sh", "", "probe.sh", "../probe"):
        with pytest.raises(ValueError, match="not in the catalogue"):
            Command(name)
