"""The pages of headquarters; never talks to a box."""
