"""Every MQTT topic in one place; never connects.

Topics begin with tenant and site so that brokers and tables can be partitioned by them. The
broker's ACL ties `<box>` to the client certificate's common name.
"""

from dataclasses import dataclass

ROOT = "gatehouse/v1"


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one box."""

    tenant: str
    site: str
    box: str

    @property
    def base(self) -> str:
        """The prefix under which this box may publish (`up`) and subscribe (`down`)."""
        return f"{ROOT}/{self.tenant}/{self.site}/{self.box}"

    @property
    def batch(self) -> str:
        """Signed batches, box to headquarters."""
        return f"{self.base}/up/batch"

    @property
    def receipt(self) -> str:
        """Signed receipts, headquarters to box."""
        return f"{self.base}/down/receipt"

    @property
    def command(self) -> str:
        """Signed commands, headquarters to box."""
        return f"{self.base}/down/command"


INGEST_FILTER = f"{ROOT}/+/+/+/up/batch"
"""What an ingest worker subscribes to (as `$share/ingest/…` so that several share the load)."""


def parse_up(topic: str) -> Topics | None:
    """Return whose batch topic this is, or None if it isn't one."""
    parts = topic.split("/")
    if len(parts) != 7 or "/".join(parts[:2]) != ROOT or parts[5:] != ["up", "batch"]:
        return None
    return Topics(*parts[2:5])
