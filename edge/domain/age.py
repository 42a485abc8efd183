"""How old somebody is by the birth date of a card; no clock, no I/O, never an estimate by a face."""

CHILD_UNTIL = 14
"""Years: younger than that nothing is kept without a guardian's consent (PIPL, article 31; P38, P39)."""
ADULT_FROM = 18
"""Years from which somebody can be a guardian (Civil Code, article 17)."""


def younger(than: int, birth: str, today: str) -> bool:
    """Return whether who was born on `birth` is younger than `than` years on `today` (both YYYYMMDD).

    Somebody born on 29 February has their birthday on 1 March in other years.
    """
    return int(today) - int(birth) < than * 1_0000
