"""From the models and the list of reasons to ``docs/reference.md``: neither can go stale."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kaitu.api.crd import GROUP, KIND, VERSION, prose, schema
from kaitu.api.node import NodeSpec
from kaitu.api.policy import Policy
from kaitu.api.status import NodeStatus
from kaitu.core.reasons import REASONS, Condition, Reason, Retry, Verdict
from kaitu.core.rules import LIST_KEYS, VALIDATIONS

FILE: Final = "docs/reference.md"

RETRIES: Final = {
    Retry.TRANSIENT: "soon: 1 s to 60 s, longer each time",
    Retry.ABSENT: "10 s to 10 min, longer each time",
    Retry.SLOW_DOWN: "30 s to 15 min, longer each time",
    Retry.INPUT: "when the spec or what it refers to changes",
    Retry.PERSON: "when a person decides",
    Retry.CONFLICT: "at once, a few times",
}

_HEAD: Final = f"""\
<!-- Generated from the models by `make crds`; do not edit. -->

# Reference

`{GROUP}/{VERSION}`, kind `{KIND}`, short name `kn`, namespaced. `kubectl explain kaitunode.spec`
shows the same texts. No field has a default that the API server fills in: an absent field is
absent, and the defaults that are named here are the operator's.
"""


def reference() -> str:
    """The whole page."""
    parts = (
        _HEAD,
        "## spec\n",
        *_fields(schema(NodeSpec), "spec"),
        "## status\n",
        "Written by the operator only. Nothing in it ever holds a value of a variable.\n",
        *_fields(schema(NodeStatus), "status"),
        "## Policy\n",
        "The file that `--policy` names. A list that is set replaces its default.\n",
        *_policy(Policy, ""),
        "## Reasons\n",
        "Every reason that a condition or `status.aspects` can give. The list is closed.\n",
        *_reasons(),
    )
    return "\n".join(parts)


def _fields(node: Mapping[str, Any], path: str) -> Iterator[str]:
    """A table of the fields of an object, then those of the objects in it."""
    properties = node.get("properties", {})
    if not properties:
        return
    yield f"### {path}\n"
    yield from filter(None, (node.get("description", "").split("\n\n")[0] + "\n",))
    yield "| field | type | what it is |\n|---|---|---|"
    for name, field in properties.items():
        needed = " (required)" if name in node.get("required", ()) else ""
        yield f"| `{name}`{needed} | {_type(field)} | {_cell(field)} |"
    yield "".join(f"\n- Rule: {_escaped(rule)}" for rule in _rules(node)) + "\n"
    for name, field in properties.items():
        items = field.get("items", field)
        yield from _fields(items, f"{path}.{name}" + ("[]" if "items" in field else ""))


def _type(field: Mapping[str, Any]) -> str:
    """The type with its bounds, in words."""
    if "items" in field:
        keys = field.get(LIST_KEYS)
        by = f", told apart by {keys[0]}" if keys else ""
        return f"list of up to {field['maxItems']}: {_type(field['items'])}{by}"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "maximum" in field:
        return f"{field['type']}, {field['minimum']} to {field['maximum']}"
    if field["type"] == "string" and "format" not in field:
        return f"string, up to {field['maxLength']} characters"
    return str(field.get("format", field["type"]))


def _cell(field: Mapping[str, Any]) -> str:
    """What a field is, its pattern and its rules, in one line of a table.

    The rules of an object stand below the table of its own fields.
    """
    leaves = [leaf for leaf in (field, field.get("items", {})) if "properties" not in leaf]
    patterns = [leaf["pattern"] for leaf in leaves if len(leaf.get("pattern", "")) in range(1, 60)]
    rules = [rule for leaf in leaves for rule in _rules(leaf)]
    return " ".join(
        (
            _escaped(field.get("description", "").replace("\n\n", " ")),
            *(f"Pattern `{pattern}`.".replace("|", "\\|") for pattern in patterns),
            *(f"Rule: {_escaped(rule)}." for rule in rules),
        )
    )


def _escaped(text: str) -> str:
    """Text that Markdown takes for text."""
    return text.replace("<", "&lt;").replace("*", "\\*").replace("|", "\\|")


def _rules(field: Mapping[str, Any]) -> list[str]:
    return [rule["message"] for rule in field.get(VALIDATIONS, ())]


def _policy(model: Any, path: str) -> Iterable[str]:
    yield "| field | default | what it is |\n|---|---|---|"
    yield from _policy_rows(model, path)
    yield ""


def _policy_rows(model: Any, path: str) -> Iterator[str]:
    """One row per leaf of the policy."""
    for field in model.model_fields.values():
        name = f"{path}{field.alias}"
        if hasattr(type(field.default), "model_fields"):
            yield from _policy_rows(type(field.default), f"{name}.")
        else:
            said = _escaped(prose(field.description))
            yield f"| `{name}` | {_default(field.default)} | {said} |"


def _default(value: Any) -> str:
    items = value if isinstance(value, tuple) else (value,)
    return ", ".join(f"`{item}`" for item in items) or "none"


def _reasons() -> Iterator[str]:
    """A table per condition; the reasons of each in the order of the list."""
    for condition in Condition:
        found = [reason for reason in Reason if REASONS[reason].condition is condition]
        if found:
            yield f"### {condition}\n"
            yield "| reason | verdict | tried again | what to do |\n|---|---|---|---|"
            for reason in found:
                row = REASONS[reason]
                again = "" if row.verdict is Verdict.TRUE else RETRIES[row.retry]
                yield f"| `{reason}` | {row.verdict} | {again} | {row.hint} |"
            yield ""


def main() -> None:
    """Write the page, from the root of the repository."""
    Path(FILE).write_text(reference())


if __name__ == "__main__":
    main()
