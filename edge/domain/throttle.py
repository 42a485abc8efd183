"""How long to wait after wrong secrets: five are free, then ever longer; pure, counts nothing itself."""

import itertools

FREE = 5
FIRST_S = 30.0
LONGEST_S = 900.0


def wait_s(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: 30 after the fifth, then doubling."""
    if failures < FREE:
        return 0.0
    return min(LONGEST_S, FIRST_S * 2.0 ** min(failures - FREE, 10))


def weak(pin: str) -> bool:
    """Whether a PIN would be among the first that somebody tries: one digit alone, or a run up or down."""
    steps = {int(b) - int(a) for a, b in itertools.pairwise(pin)}
    return steps <= {0} or steps <= {1} or steps <= {-1}
