"""When and how long to wait before a failed request is sent again."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from kag.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Retry:
    """How a failed request is sent again.

    It is after 429, 5xx and broken connections, and after an answer that breaks its schema.

    Args:
        times: How often at most, besides the first request; 0 for never.
        wait: Seconds before the first repetition; doubled with each further one, and jittered by up to half.
        longest: The most seconds to wait; a provider's `Retry-After` beyond it ends the call at once.
    """

    times: int = 5
    wait: float = 0.5
    longest: float = 60.0

    def __post_init__(self) -> None:
        if not isinstance(self.times, int) or isinstance(self.times, bool) or self.times < 0:
            raise ConfigurationError(
                f"Retry: times must be a whole number of at least 0; got {self.times!r}."
            )
        for seconds in (self.wait, self.longest):
            usable = isinstance(seconds, int | float) and not isinstance(seconds, bool)
            if not usable or not math.isfinite(seconds) or seconds < 0:
                raise ConfigurationError(
                    f"Retry: wait and longest are seconds, not negative; got {self.wait!r}, {self.longest!r}."
                )

    def seconds(self, failures: int, retry_after: float | None) -> float:
        """Returns how long to wait after so many failures; at least what the provider asks for."""
        own = min(self.longest, self.wait * 2 ** min(failures - 1, 60)) * random.uniform(0.5, 1.0)  # noqa: S311
        asked = retry_after or 0.0
        if asked > self.longest:
            return asked
        return float(max(own, min(self.longest, asked * random.uniform(1.0, 1.1))))  # noqa: S311  no secret


def retry_from(value: Retry | int) -> Retry:
    """Reads a retry policy as a user may give it: a `Retry`, or how often."""
    return value if isinstance(value, Retry) else Retry(times=value)
