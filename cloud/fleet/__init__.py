"""Which boxes there are, and what they are told; never decides on a person's rights."""
