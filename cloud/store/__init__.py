"""Headquarters' tables and the transactions over them; never talks to a broker or a browser."""
