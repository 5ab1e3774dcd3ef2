"""How often something may be done. Pure: the time is an argument."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """At most ``burst`` at once and ``rate`` a second after that; full at the start."""

    rate: float
    burst: int
    _spent: float = field(default=0.0, init=False)
    _seen: float = field(default=0.0, init=False)

    def wait(self, now: float) -> float:
        """Seconds until the next may be taken; 0 takes it. ``now`` must not go back."""
        self._spent = max(0.0, self._spent - (now - self._seen) * self.rate)
        self._seen = now
        over = self._spent + 1 - self.burst
        if over > _ROUNDING:
            return over / self.rate
        self._spent += 1
        return 0.0


_ROUNDING = 1e-6
"""Else a caller that waits as long as it was told could be told to wait for nothing, for ever."""
