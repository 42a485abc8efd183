"""The rules of the runtime's tests: late reports alone, and whoever answers otherwise is looked at."""

from edge.domain.judging.ruleset import read_rules
from edge.runtime.risk import Rules

BOOK = """
name = "office"

[[versions]]
version = 1
effective_from = 2020-01-01T00:00:00+08:00
late_report = { blind_before_minutes = 0 }
answer = {}
"""
RULES = Rules(read_rules(BOOK), report_keeps_days=30)
