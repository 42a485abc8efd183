"""How the box's processes speak: schemas, framing, peer credentials; never pickle, never a key at rest."""
