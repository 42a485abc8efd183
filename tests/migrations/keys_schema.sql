CREATE TABLE destroyed (
    subject TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE wrapped_keys (
    subject TEXT NOT NULL,
    scope TEXT NOT NULL,
    kek TEXT NOT NULL CHECK (length(kek) = 16),
    wrapped BLOB NOT NULL CHECK (length(wrapped) = 72),
    PRIMARY KEY (subject, scope)
) STRICT, WITHOUT ROWID;
