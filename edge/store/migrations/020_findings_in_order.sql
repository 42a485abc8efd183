-- A finding holds some 800 bytes of what it rests on. In a table without rowid they lay in the order of the
-- references, so that judging a project wrote a page for each finding, and read one for each; now they lie in the
-- order in which they were made, and the references in an index.
CREATE TABLE findings (
    id INTEGER PRIMARY KEY,
    about TEXT NOT NULL CHECK (about IN ('report', 'deal')),
    ref TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    verdict TEXT CHECK (verdict IN ('NORMAL', 'RISK', 'UNKNOWN')),
    reasons TEXT,
    inputs TEXT,
    inputs_hash TEXT NOT NULL CHECK (length(inputs_hash) = 64),
    since_ms INTEGER,
    named TEXT CHECK (length(named) = 64),
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis IN ('report', 'contract')),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk'),
    UNIQUE (about, ref, version)
) STRICT;
INSERT INTO findings (
    about, ref, version, verdict, reasons, inputs, inputs_hash, since_ms, named, at_ms, quality, basis, purpose
) SELECT
    about, ref, version, verdict, reasons, inputs, inputs_hash, since_ms, named, at_ms, quality, basis, purpose
FROM verdicts ORDER BY at_ms, about, ref, version;
DROP TABLE verdicts;
ALTER TABLE findings RENAME TO verdicts;
