"""Tests of the state machine of consent and of the one gate."""
