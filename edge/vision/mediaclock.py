"""Tells when a picture was filmed from the time stamp that the camera gave it; pure, never looks at a clock.

A busy machine or network delivers a second of film in one burst. Whoever follows faces by the time of
arrival then sees them stand still and jump, and counts one person twice; the camera's own stamps say how
far apart the pictures really are.
"""

DRIFT = 0.001
"""Seconds per second by which the camera's clock may be slower than ours (a bad quartz: 0.0001)."""
LATEST_S = 4.0
"""A picture that seems older than this isn't: the camera's clock was set, or runs wrong."""


class MediaClock:
    """Maps one session's time stamps to monotonic seconds: the least delayed picture sets the difference."""

    def __init__(self) -> None:
        self._difference: float | None = None
        self._stamp = self._arrival = self._filmed = float("-inf")

    def filmed(self, stamp: float | None, arrival: float) -> float:
        """Return when (monotonic s) the picture stamped `stamp` (s) that came at `arrival` was filmed.

        Never later than `arrival`, never earlier than the picture before. Without a usable stamp
        (none, or one that doesn't advance) it is the time of arrival.
        """
        if stamp is None or stamp <= self._stamp or self._difference is None:
            difference = None if stamp is None else arrival - stamp
        else:
            slack = DRIFT * max(0.0, arrival - self._arrival)
            difference = min(self._difference + slack, arrival - stamp)
            if arrival - (stamp + difference) > LATEST_S:
                difference = arrival - stamp
        self._difference, self._arrival = difference, arrival
        self._stamp = float("-inf") if stamp is None else stamp
        at = arrival if stamp is None or difference is None else min(arrival, stamp + difference)
        self._filmed = min(arrival, max(self._filmed, at))
        return self._filmed
