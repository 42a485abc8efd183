"""Pictures to faces to numbers, in a worker's memory: demux, detect, align, embed, track; never stores.

Nothing here writes to a disk or a network, and nothing imports the embedder but who is in a lease.
"""
