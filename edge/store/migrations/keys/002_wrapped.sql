-- Each key lies wrapped under a key-encryption key (KEK) that is not in this file. `kek` names it, so that
-- a rotation finds what is still wrapped under the one before. The two functions are registered by keys.py.
CREATE TABLE wrapped_keys (
    subject TEXT NOT NULL,
    scope TEXT NOT NULL,
    kek TEXT NOT NULL CHECK (length(kek) = 16),
    wrapped BLOB NOT NULL CHECK (length(wrapped) = 72),
    PRIMARY KEY (subject, scope)
) STRICT, WITHOUT ROWID;

INSERT INTO wrapped_keys SELECT subject, scope, current_kek(), wrapped_key(subject, scope, key) FROM keys;

-- secure_delete overwrites the pages that held the raw keys with zeros.
DROP TABLE keys;
