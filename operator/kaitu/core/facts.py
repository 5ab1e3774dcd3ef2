"""What a probe showed, where more than one aspect or layer reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EnvFacts:
    """The node's ``.env`` as far as it may be known: answers about names, never a value.

    ``states`` maps each wanted name to ``same``, ``differs``, ``missing``, ``duplicate`` (set
    more than once) or ``multiline`` (inside or at the start of a value of several lines).
    ``protected_present`` is true when every protected name has a value that is not empty;
    ``compose_names`` are the ``COMPOSE_*`` keys found, which would change what compose does.
    """

    present: bool
    states: Mapping[str, str] = field(default_factory=dict)
    protected_present: bool = False
    unclosed: bool = False
    compose_names: tuple[str, ...] = ()
    readable: bool = True

    @property
    def in_sync(self) -> bool:
        """True when the file says what is wanted, for every wanted name."""
        return not self.unclosed and all(state == "same" for state in self.states.values())
