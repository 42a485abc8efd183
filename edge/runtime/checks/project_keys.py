"""Are the project's keys its officer's, and is everybody known under the newest ones?"""

from edge.ipc.operator import StateLine
from edge.runtime.checks import Facts


def check(facts: Facts) -> StateLine:
    """Return a warning while tokens of older keys wait, or the box works with keys of its own."""
    what = f"generation {facts.key_generation}"
    if facts.tokens_waiting:
        what += f", {facts.tokens_waiting} tokens of older ones"
        hint = "they are exchanged in the background; those whose number isn't held stay"
        return StateLine(name="project_keys", state="warn", what=what, hint=hint)
    if facts.key_generation == 0:
        hint = "the box's own: a second box of the project won't know its visitors; see import-keys"
        return StateLine(name="project_keys", state="ok", what=what, hint=hint)
    return StateLine(name="project_keys", state="ok", what=what)
