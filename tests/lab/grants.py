"""What roles grant, one right at a time, to be held against the audit log."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from lab.audit import Access
from lab.chart import Values


@dataclass(frozen=True)
class Grant:
    """One verb on one kind; an empty namespace or name stands for all of them."""

    namespace: str
    group: str
    resource: str
    name: str
    verb: str

    def covers(self, access: Access) -> bool:
        return (
            (self.group, self.resource, self.verb) == (access.group, access.resource, access.verb)
            and self.namespace in ("", access.namespace)
            and self.name in ("", access.name)
        )


def grants(objects: Iterable[Values], account: str) -> set[Grant]:
    """All that these bindings give to the ServiceAccount of this name."""
    bodies = list(objects)
    roles = {_key(one): one["rules"] for one in bodies if one["kind"] in ("Role", "ClusterRole")}
    return {
        grant
        for one in bodies
        if one["kind"] in ("RoleBinding", "ClusterRoleBinding")
        and any(subject["name"] == account for subject in one["subjects"])
        for rule in roles[one["roleRef"]["kind"], _namespace(one), one["roleRef"]["name"]]
        for grant in _of(rule, _namespace(one))
    }


def _of(rule: Values, namespace: str) -> Iterator[Grant]:
    for group, resource, name, verb in product(
        rule["apiGroups"], rule["resources"], rule.get("resourceNames", [""]), rule["verbs"]
    ):
        yield Grant(namespace, group, resource, name, verb)


def _key(role: Values) -> tuple[str, str, str]:
    return role["kind"], _namespace(role), role["metadata"]["name"]


def _namespace(one: Values) -> str:
    return str(one["metadata"].get("namespace", ""))


def unused(granted: Iterable[Grant], used: Iterable[Access]) -> set[Grant]:
    allowed = [one for one in used if one.allowed]
    return {grant for grant in granted if not any(grant.covers(one) for one in allowed)}
