"""The bill of materials, made of an environment and a package database that are written here."""

from importlib.metadata import PathDistribution
from pathlib import Path

from sbom import compiled_in, component, document, of_debian, of_python

STATUS = """Package: libc6
Status: install ok installed
Architecture: arm64
Version: 2:2.41-12+deb13u1
Description: GNU C Library
 Version: 9 of the text is not the package's

Package: gone
Status: deinstall ok config-files
Architecture: arm64
Version: 1.0
"""
CRATES = '{"components": [{"name": "ring", "version": "1.2", "purl": "pkg:cargo/ring@1.2?a=b"}]}'


def test_debian_packages_are_those_that_are_installed() -> None:
    (found,) = of_debian(STATUS, "13")
    assert (found["name"], found["version"]) == ("libc6", "2:2.41-12+deb13u1")
    purl = "pkg:deb/debian/libc6@2%3A2.41-12%2Bdeb13u1?arch=arm64&distro=debian-13"
    assert found["purl"] == found["bom-ref"] == purl


def distribution(folder: Path, name: str, *lines: str) -> PathDistribution:
    info = folder / f"{name}-1.0.dist-info"
    (info / "sboms").mkdir(parents=True)
    (info / "METADATA").write_text("\n".join((f"Name: {name}", "Version: 1.0", *lines, "")))
    (info / "sboms" / "rust.json").write_text(CRATES)
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n{info.name}/sboms/rust.json,,\n")
    return PathDistribution(info)


def test_a_package_has_its_normal_name_and_its_licence(tmp_path: Path) -> None:
    found = of_python(distribution(tmp_path, "Some_Thing", "License-Expression: MIT"))
    assert found["purl"] == "pkg:pypi/some-thing@1.0"
    assert found["licenses"] == [{"expression": "MIT"}]
    assert found["type"] == "library"
    assert of_python(distribution(tmp_path, "kaitu-operator"))["type"] == "application"


def test_what_a_wheel_has_compiled_in_is_listed(tmp_path: Path) -> None:
    (found,) = compiled_in(distribution(tmp_path, "thing"))
    assert found["purl"] == "pkg:cargo/ring@1.2"


def test_the_number_is_that_of_the_contents() -> None:
    one, other = (component("library", "a", version, "pkg:pypi/a") for version in "12")
    assert document([one]) == document([one])
    assert document([one])["serialNumber"] != document([other])["serialNumber"]
