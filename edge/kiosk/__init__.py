"""The page at the reception desk: passes on the visitor's own acts; holds no key and no data."""
