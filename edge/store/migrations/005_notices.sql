-- The notices that were in force here, oldest first: the last one is. About no person; what a consent names.
CREATE TABLE notices (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64),
    version TEXT NOT NULL,
    text TEXT NOT NULL,
    ground TEXT NOT NULL CHECK (length(ground) = 64),
    origin TEXT NOT NULL CHECK (origin IN ('file', 'headquarters')),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights')
) STRICT;

-- What each scope of a notice was about. A consent stands while the notice in force says the same of its scope.
CREATE TABLE notice_terms (
    hash TEXT NOT NULL REFERENCES notices (hash),
    scope TEXT NOT NULL,
    terms TEXT NOT NULL CHECK (length(terms) = 64),
    PRIMARY KEY (hash, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_terms_by_terms ON notice_terms (scope, terms);

-- Consents that were given at the kiosk under words that are no longer in force: not to be relied on.
-- A caller agreed to what they heard on the line: another notice, of which this says nothing.
CREATE VIEW outdated AS
SELECT c.person, c.scope, c.version FROM consents c
WHERE c.state = 'ACTIVE' AND c.act <> 'key'
    AND EXISTS (SELECT 1 FROM notices)
    AND NOT EXISTS (
        SELECT 1 FROM notice_terms given JOIN notice_terms now ON now.scope = given.scope AND now.terms = given.terms
        WHERE given.hash = c.notice_hash AND given.scope = c.scope
            AND now.hash = (SELECT hash FROM notices ORDER BY ordinal DESC LIMIT 1)
    );
