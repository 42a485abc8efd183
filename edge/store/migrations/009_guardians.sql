-- What shows that a guardian agreed for a child: of the guardian, not of the child. `words` are what the box
-- signed (consents.proof is the signature), with the SHA-256 of what `sealed` holds; its key is the proof's own,
-- so that it outlives the child's data as a consent's proof does, and ends by itself.
CREATE TABLE guardian_proofs (
    proof TEXT PRIMARY KEY CHECK (length(proof) = 32),
    person TEXT NOT NULL CHECK (length(person) = 32),
    scope TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    by TEXT NOT NULL CHECK (by IN ('card', 'signature')),
    words TEXT NOT NULL,
    sealed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights'),
    UNIQUE (person, scope, version),
    FOREIGN KEY (person, scope, version) REFERENCES consents ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
