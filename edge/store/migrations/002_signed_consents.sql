-- What the box signed when a person agreed, letter by letter, so that they, or a court, can check the
-- signature in `consents.proof` whatever their number or the project's keys became since. It names a token:
-- it goes with the person's tokens when they are erased.
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
