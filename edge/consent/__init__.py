"""Who agreed to what, and the one gate through which everything about a person passes."""
