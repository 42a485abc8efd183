-- What a registered person wants to be called.
CREATE TABLE names (
    person TEXT PRIMARY KEY CHECK (length(person) = 32),
    sealed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:registration'),
    purpose TEXT NOT NULL CHECK (purpose = 'reception')
) STRICT, WITHOUT ROWID;

-- 1: nobody saw when the party left; `departed_ms` is the office's closing time.
ALTER TABLE visits ADD COLUMN departure_estimated INTEGER NOT NULL DEFAULT 0 CHECK (departure_estimated IN (0, 1));
