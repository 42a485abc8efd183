-- An entry of the audit has a period like everything else: past it, what was done and to what is emptied.
-- Its hash and its time stay, so that the chain and the tree over it stay whole (RFC 9162 needs hashes alone).
CREATE TABLE audit_entries (
    sequence INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    code TEXT,
    subject TEXT,
    prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights'),
    CHECK (code IS NOT NULL OR subject IS NULL)
) STRICT;

INSERT INTO audit_entries SELECT sequence, at_ms, code, subject, prev_hash, hash, basis, purpose FROM audit;

DROP TABLE audit;

ALTER TABLE audit_entries RENAME TO audit;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
WHEN NEW.code IS NOT NULL OR NEW.subject IS NOT NULL OR NEW.sequence <> OLD.sequence
    OR NEW.at_ms <> OLD.at_ms OR NEW.prev_hash <> OLD.prev_hash OR NEW.hash <> OLD.hash
    OR NEW.basis <> OLD.basis OR NEW.purpose <> OLD.purpose
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;

CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
