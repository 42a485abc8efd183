"""Tests of Gatehouse; see README.md here."""
