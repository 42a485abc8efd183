"""The rules of the runtime's tests: late reports alone, and whoever answers otherwise is looked at."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.domain.judging.ruleset import read_rules
from edge.runtime.books import Books, Keeps
from edge.runtime.office import Office
from edge.runtime.risk import Risk
from edge.runtime.sweep import Sweep

BOOK = """
name = "office"

[[versions]]
version = 1
effective_from = 2020-01-01T00:00:00+08:00
late_report = { blind_before_minutes = 0 }
answer = {}
"""
RULES = read_rules(BOOK)
ENROLMENT = X25519PrivateKey.from_private_bytes(bytes(range(32)))
KEEPS = Keeps(report_days=30, deal_days=1000, customer_days=1000)


def books(office: Office, risk: Risk) -> Books:
    """Return what takes rows in, by files of the box and by what is sealed to ENROLMENT."""
    return Books(office, risk, Sweep(office, risk), ENROLMENT, KEEPS)
