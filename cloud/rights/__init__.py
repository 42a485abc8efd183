"""Orders of erasure and withdrawal, and their receipts; never carries them out on the box."""
