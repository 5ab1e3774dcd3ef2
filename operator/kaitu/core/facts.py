"""What a probe showed, where more than one aspect or layer reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EnvFacts:
    """The node's ``.env`` as far as it may be known: answers about names, never a value.

    ``states`` maps each wanted name to ``same``, ``differs``, ``missing``, ``duplicate`` (set
    more than once), ``multiline`` (shares lines with another value, so that no line of it can be
    changed alone) or ``unknown``. ``protected_present`` is true when K2_NODE_SECRET is there and
    not empty; ``unclosed`` when compose could not read the file, for a quote that never closes or
    a NUL; ``compose_names`` are the ``COMPOSE_*`` keys found, which would change what compose
    does. Not ``readable`` is what is no plain file, or a far too long one.
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
