"""What the box remembers: encrypted, minimal, each row with its basis; never decides what may be kept."""
