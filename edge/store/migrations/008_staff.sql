-- Receptionists. Their names are sealed under a key of their own (subject: staff, scope: employment);
-- `pin` is an argon2id hash.
CREATE TABLE staff (
    staff TEXT PRIMARY KEY CHECK (length(staff) = 32),
    number INTEGER NOT NULL UNIQUE CHECK (number BETWEEN 11 AND 9999),
    sealed BLOB NOT NULL,
    pin TEXT NOT NULL,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'employment'),
    purpose TEXT NOT NULL CHECK (purpose = 'staffing')
) STRICT, WITHOUT ROWID;

-- Which notice of what is recorded of them each receptionist read and acknowledged.
CREATE TABLE staff_told (
    staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE,
    notice_hash TEXT NOT NULL CHECK (length(notice_hash) = 64),
    notice_version TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis = 'employment'),
    purpose TEXT NOT NULL CHECK (purpose = 'staffing'),
    PRIMARY KEY (staff, notice_hash)
) STRICT, WITHOUT ROWID;

-- `since_ms`: since when they wait for their turn.
CREATE TABLE shifts (
    shift TEXT PRIMARY KEY CHECK (length(shift) = 32),
    staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE,
    began_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    since_ms INTEGER NOT NULL,
    paused INTEGER NOT NULL CHECK (paused IN (0, 1)),
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis = 'employment'),
    purpose TEXT NOT NULL CHECK (purpose = 'staffing')
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX shifts_open ON shifts (staff) WHERE ended_ms IS NULL;

-- Who receives a visit: part of the visit, and gone with it.
CREATE TABLE receptions (
    visit TEXT PRIMARY KEY REFERENCES visits ON DELETE CASCADE,
    staff TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:registration'),
    purpose TEXT NOT NULL CHECK (purpose = 'reception')
) STRICT, WITHOUT ROWID;
