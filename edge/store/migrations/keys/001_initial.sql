-- The key file: what makes sealed rows readable. Destroying a row here is the erasure.

-- `pair` is the same in the key file and in the box's database: two files that belong together.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `subject` is a person, or a call whose number is kept for 72 h (scope 'inquiry').
CREATE TABLE keys (
    subject TEXT NOT NULL,
    scope TEXT NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    PRIMARY KEY (subject, scope)
) STRICT, WITHOUT ROWID;

-- Persons whose keys were all destroyed; random ids that join nothing. A database restored from a
-- backup is searched for them at the start, and what it brings back of them is erased again.
CREATE TABLE destroyed (
    subject TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
