"""Headquarters; of `edge` it imports nothing but `edge.wire`."""
