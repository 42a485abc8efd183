"""The books of channels and office, sealed to boxes, on their way; never a row that can be read here."""
