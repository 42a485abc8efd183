"""How many people have a stored face? From 100,000 on the law wants a filing (P53); counts, joins nobody.

人脸识别技术应用安全管理办法, article 15: within 30 working days of the day on which 100,000 are reached. It
counts for whoever runs all the boxes together: headquarters has to add up what each of them says.
"""

from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts

ALARM = 80_000
FILING = 100_000
_DAY_MS = 86_400_000


def check(facts: Facts) -> StateLine:
    """Return a warning from ALARM people on, and a fault once the filing's clock runs."""
    what = f"{facts.faces} people with a stored face"
    if facts.faces_filing_ms is not None:
        days = facts.faces_filing_ms // _DAY_MS
        hint = f"{FILING} were reached {days} days ago: file with the province within 30 working days of that"
        return StateLine(name="faces", state="filing_due", what=what, hint=hint)
    if facts.faces >= ALARM:
        hint = f"prepare the filing that {FILING} ask for, or let stored faces lapse earlier"
        return StateLine(name="faces", state="warn", what=what, hint=hint)
    return StateLine(name="faces", state="ok", what=what)
