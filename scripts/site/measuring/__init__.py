"""Measures the running product against what it promises of its speed; never part of the product."""
