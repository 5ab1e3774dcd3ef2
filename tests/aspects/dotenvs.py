"""Random .env files, and values that might be wanted of them: the odd corners, in small pieces."""

import random
from collections.abc import Iterator, Mapping

from kaitu.core.facts import EnvFacts

WANTED = ("A", "AB")
NAMES = (*WANTED, "K2_NODE_SECRET", "COMPOSE_FILE")
LEADS = ("", "", "", " ", "\t", "export ", "export\t ", " export  ", "\xa0", "export")
SIGNS = ("=", "=", "=", " = ", ": ", ":", "=\t", "= \xa0", "\t=")
BARE = ("x", "0", "00", "", " #", "#", "a b", "x#y", "$A", "\\", "=", "é", "\v", "it's", '"')
INNER = ("x", "0", "", " #", "$A", "\\", "\\'", '\\"', "\n", "A=1\n", "é", "\r\n", "\t", "\\\\")
ENDS = ("\n", "\n", "\n", "\r\n", " \n", " # note\n", "\t#n\n", "\r", "", "B=2\n", " A=3\n", "y\n")
LINES = ("# A=9\n", "\n", "A\n", "!!!\n", "B='\nA=7\n'\n", "=x\n", "export\n", "9A=1\n", " \t\n")


def text(dice: random.Random) -> str:
    """A file of a few statements; one in four is nonsense somewhere."""
    mark = dice.choice(("", "", "", "\ufeff"))
    return mark + "".join(_statement(dice) for _ in range(dice.randint(0, 4)))


def _statement(dice: random.Random) -> str:
    if dice.random() < 0.2:
        return dice.choice(LINES)
    head = dice.choice(LEADS) + dice.choice(NAMES) + dice.choice(SIGNS)
    return head + _value(dice) + dice.choice(ENDS)


def _value(dice: random.Random) -> str:
    quote = dice.choice(("", "", "'", '"'))
    pieces = (dice.choice(INNER if quote else BARE) for _ in range(dice.randint(0, 3)))
    closing = quote if dice.random() < 0.95 else ""
    return quote + "".join(pieces) + closing


def wish(dice: random.Random, truth: str | None) -> str:
    """A value that can be written: mostly the one that the file has, if it can."""
    if truth is not None and not set(truth) & set("'\\\r\n\0") and dice.random() < 0.7:
        return truth
    return dice.choice(("x", "0", "", "# note", "a b", "é", "$A", "x#y"))


def disagreements(
    facts: EnvFacts, wishes: Mapping[str, str], truth: Mapping[str, str] | None
) -> Iterator[str]:
    """Where what the probe says is not what compose reads; ``truth`` is None if it refuses."""
    if truth is None:
        return  # compose refuses a file for more than open quotes; such a file is no deployment
    if facts.unclosed:
        yield "a quote is said to be open"
    for name, state in facts.states.items():
        if state == "same" and truth.get(name) != wishes[name]:
            yield f"{name} is said to be the same"
        if (state == "missing") != (name not in truth):
            yield f"{name} is said to be {state}"
    if facts.protected_present != bool(truth.get("K2_NODE_SECRET")):
        yield f"the secret is said to be there: {facts.protected_present}"
    if ("COMPOSE_FILE" in facts.compose_names) != ("COMPOSE_FILE" in truth):
        yield "COMPOSE_FILE"
