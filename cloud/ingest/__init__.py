"""Takes batches from the broker, judges them and writes them; never shows them."""
