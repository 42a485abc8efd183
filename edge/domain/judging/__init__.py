"""Judges whether a channel brought a customer, from times alone: pure, no clock, no I/O, never a picture.

domain.md, "Verdict rules". `case.py` says what goes in, `ruleset.py` what a project decided, each file of
`rules/` is one rule, `judge.py` brings their outcomes together, `sentences.py` tells them to people.
"""
