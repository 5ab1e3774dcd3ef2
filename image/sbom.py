"""Print what is installed here as CycloneDX JSON: usage `python3 sbom.py VIRTUAL_ENVIRONMENT`.

Asked of the file system itself: metadata of Python packages, the lists of what is compiled into
them, and Debian's database. The same installation gives the same bytes: there is no time in it,
and its number is its digest.
"""

import json
import platform
import re
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

Component = dict[str, Any]
DPKG = Path("/var/lib/dpkg/status")
APPLICATION = "kaitu-operator"


def component(kind: str, name: str, version: str, purl: str) -> Component:
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def of_python(distribution: Distribution) -> Component:
    """A package of Python's."""
    name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
    kind = "application" if name == APPLICATION else "library"
    made = component(kind, name, distribution.version, f"pkg:pypi/{name}@{distribution.version}")
    if licence := distribution.metadata.get_all("License-Expression"):
        made["licenses"] = [{"expression": licence[0]}]
    return made


def compiled_in(distribution: Distribution) -> Iterator[Component]:
    """What a wheel says is linked into it: crates, OpenSSL (PEP 770)."""
    for file in distribution.files or ():
        if file.match("*.dist-info/sboms/*.json"):
            for one in json.loads(file.read_text())["components"]:
                purl = one["purl"].partition("?")[0]
                yield component("library", one["name"], one["version"], purl)


def of_debian(status: str, release: str) -> Iterator[Component]:
    """The packages of this text in the form of dpkg's status file."""
    for paragraph in status.split("\n\n"):
        field = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.M))
        if field.get("Status") == "install ok installed":
            name, version = field["Package"], field["Version"]
            quoted = version.replace("+", "%2B").replace(":", "%3A")
            where = f"arch={field['Architecture']}&distro=debian-{release}"
            purl = f"pkg:deb/debian/{name}@{quoted}?{where}"
            yield component("library", name, version, purl)


def components(environment: Path) -> list[Component]:
    """Of the virtual environment, of the base's own Python, and of Debian."""
    paths = [*map(str, environment.glob("lib/python3*/site-packages")), *sys.path[1:]]
    packages = list(distributions(path=paths))
    python = platform.python_version()
    release = platform.freedesktop_os_release().get("VERSION_ID", "")
    found = [
        component("platform", "python", python, f"pkg:generic/python@{python}"),
        *map(of_python, packages),
        *(one for package in packages for one in compiled_in(package)),
        *of_debian(DPKG.read_text() if DPKG.exists() else "", release),
    ]
    unique = {one["bom-ref"]: one for one in found}
    return [unique[reference] for reference in sorted(unique)]


def document(found: list[Component]) -> Component:
    """The whole of it."""
    number = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(found, sort_keys=True))
    version = next((one["version"] for one in found if one["name"] == APPLICATION), "unknown")
    subject = {"type": "container", "name": APPLICATION, "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {"component": subject},
        "components": found,
    }


if __name__ == "__main__":
    print(json.dumps(document(components(Path(sys.argv[1]))), indent=1))
