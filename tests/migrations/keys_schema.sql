CREATE TABLE destroyed (
    subject TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    subject TEXT NOT NULL,
    scope TEXT NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    PRIMARY KEY (subject, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
