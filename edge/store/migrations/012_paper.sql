-- Consents given on paper and typed in later: `at_ms` is the time that stands on the form, which no clock saw,
-- `entered_ms` when it was typed in. SQLite can't change a CHECK: the table is made anew, with those whose rows
-- hang on it. None of them is renamed, and none is dropped while another's rows could go with it.
CREATE TABLE consents_kept AS SELECT * FROM consents;
CREATE TABLE signed_kept AS SELECT * FROM signed_consents;
CREATE TABLE guardians_kept AS SELECT * FROM guardian_proofs;

DROP VIEW outdated;
DROP TABLE guardian_proofs;
DROP TABLE signed_consents;
DROP TABLE consents;

CREATE TABLE consents (
    person TEXT NOT NULL CHECK (length(person) = 32),
    scope TEXT NOT NULL CHECK (scope IN (
        'registration', 'id_card', 'face_match', 'channel_risk', 'follow_up',
        'marketing', 'recording', 'location'
    )),
    version INTEGER NOT NULL CHECK (version > 0),
    state TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    notice_version TEXT NOT NULL,
    notice_hash TEXT,
    act TEXT CHECK (act IN ('tap', 'key', 'guardian', 'paper')),
    proof BLOB,
    entered_ms INTEGER CHECK (entered_ms >= at_ms),
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights'),
    PRIMARY KEY (person, scope, version),
    CHECK (state <> 'ACTIVE' OR (notice_hash IS NOT NULL AND act IS NOT NULL AND proof IS NOT NULL)),
    CHECK ((act IS 'paper') = (entered_ms IS NOT NULL)),
    CHECK (act IS NOT 'paper' OR (
        quality = 'unknown' AND scope IN ('registration', 'channel_risk', 'follow_up')
    ))
) STRICT, WITHOUT ROWID;

CREATE TABLE signed_consents (
    person TEXT NOT NULL CHECK (length(person) = 32),
    scope TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    record TEXT NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights'),
    PRIMARY KEY (person, scope, version),
    FOREIGN KEY (person, scope, version) REFERENCES consents ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

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

INSERT INTO consents (
    person, scope, version, state, at_ms, quality, notice_version, notice_hash, act, proof, basis, purpose
) SELECT
    person, scope, version, state, at_ms, quality, notice_version, notice_hash, act, proof, basis, purpose
FROM consents_kept;
INSERT INTO signed_consents SELECT person, scope, version, record, basis, purpose FROM signed_kept;
INSERT INTO guardian_proofs
SELECT proof, person, scope, version, by, words, sealed, at_ms, basis, purpose FROM guardians_kept;

DROP TABLE consents_kept;
DROP TABLE signed_kept;
DROP TABLE guardians_kept;

-- After the rows are back: nothing that is held of anybody has changed.
CREATE TRIGGER consents_are_append_only BEFORE UPDATE ON consents
BEGIN
    SELECT RAISE(ABORT, 'consents are append-only');
END;

CREATE TRIGGER consents_make_packages_stale AFTER INSERT ON consents BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE VIEW outdated AS
SELECT c.person, c.scope, c.version FROM consents c
WHERE c.state = 'ACTIVE' AND c.act <> 'key'
    AND EXISTS (SELECT 1 FROM notices)
    AND NOT EXISTS (
        SELECT 1 FROM notice_terms given JOIN notice_terms now ON now.scope = given.scope AND now.terms = given.terms
        WHERE given.hash = c.notice_hash AND given.scope = c.scope
            AND now.hash = (SELECT hash FROM notices ORDER BY ordinal DESC LIMIT 1)
    );

-- A visit that was typed in from paper; its evidence is of the kind `paper`.
ALTER TABLE visits ADD COLUMN entered_ms INTEGER
    CHECK (entered_ms IS NULL OR (entered_ms >= arrived_ms AND quality = 'unknown'));
