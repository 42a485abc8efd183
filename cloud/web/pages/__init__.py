"""One module for each group of pages; each names who may see it."""
