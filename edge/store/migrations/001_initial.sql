-- The box's memory. Every table about a person has basis and purpose, and says which it accepts (P2).
-- Times are milliseconds since 1970-01-01 UTC. Ids are 32 hex digits, random. `sealed` columns are
-- unreadable without the key of (person, scope) in the key file.

-- Which box and which key file this database belongs to.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every state of every consent, append-only: the highest version is where it stands. The proofs outlive
-- the data they are about; no token and no contact is in them.
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
    act TEXT CHECK (act IN ('tap', 'key', 'guardian')),
    proof BLOB,
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights'),
    PRIMARY KEY (person, scope, version),
    CHECK (state <> 'ACTIVE' OR (notice_hash IS NOT NULL AND act IS NOT NULL AND proof IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER consents_are_append_only BEFORE UPDATE ON consents
BEGIN
    SELECT RAISE(ABORT, 'consents are append-only');
END;

-- Tokens by which a person is found again on this box.
CREATE TABLE person_tokens (
    token TEXT PRIMARY KEY CHECK (token GLOB '[a-z]*:*' AND length(token) BETWEEN 68 AND 81),
    person TEXT NOT NULL CHECK (length(person) = 32),
    scope TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:' || scope),
    purpose TEXT NOT NULL CHECK (purpose IN ('reception', 'channel_risk', 'call_handling'))
) STRICT, WITHOUT ROWID;
CREATE INDEX person_tokens_by_person ON person_tokens (person);

-- The number a person gave.
CREATE TABLE contacts (
    person TEXT NOT NULL CHECK (length(person) = 32),
    scope TEXT NOT NULL,
    sealed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:' || scope),
    purpose TEXT NOT NULL CHECK (purpose IN ('reception', 'channel_risk', 'call_handling', 'call_back')),
    PRIMARY KEY (person, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE templates (
    template TEXT PRIMARY KEY CHECK (length(template) = 32),
    person TEXT NOT NULL CHECK (length(person) = 32),
    model TEXT NOT NULL,
    sealed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:face_match'),
    purpose TEXT NOT NULL CHECK (purpose = 'face_confirmation')
) STRICT, WITHOUT ROWID;
CREATE INDEX templates_by_person ON templates (person);

-- Name, number and validity of a card; never its photo.
CREATE TABLE cards (
    person TEXT PRIMARY KEY CHECK (length(person) = 32),
    sealed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:id_card'),
    purpose TEXT NOT NULL CHECK (purpose = 'identity_check')
) STRICT, WITHOUT ROWID;

CREATE TABLE visits (
    visit TEXT PRIMARY KEY CHECK (length(visit) = 32),
    person TEXT NOT NULL CHECK (length(person) = 32),
    revision INTEGER NOT NULL CHECK (revision > 0),
    arrived_ms INTEGER NOT NULL,
    departed_ms INTEGER CHECK (departed_ms >= arrived_ms),
    party_size INTEGER NOT NULL CHECK (party_size BETWEEN 1 AND 99),
    is_returning INTEGER NOT NULL CHECK (is_returning IN (0, 1)),
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis = 'consent:registration'),
    purpose TEXT NOT NULL CHECK (purpose = 'reception')
) STRICT, WITHOUT ROWID;
CREATE INDEX visits_by_person ON visits (person, arrived_ms);
CREATE INDEX visits_open ON visits (arrived_ms) WHERE departed_ms IS NULL;

-- Consented signs of presence in a visit, each under its own scope.
CREATE TABLE evidence (
    visit TEXT NOT NULL REFERENCES visits ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal > 0),
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis IN (
        'consent:registration', 'consent:id_card', 'consent:face_match',
        'consent:channel_risk', 'consent:follow_up', 'consent:marketing',
        'consent:recording', 'consent:location'
    )),
    purpose TEXT NOT NULL CHECK (purpose = 'reception'),
    PRIMARY KEY (visit, ordinal)
) STRICT, WITHOUT ROWID;

-- The visitor's answer to "who brought you?".
CREATE TABLE sources (
    visit TEXT PRIMARY KEY REFERENCES visits ON DELETE CASCADE,
    person TEXT NOT NULL CHECK (length(person) = 32),
    source TEXT NOT NULL CHECK (source IN ('agent', 'walk_in', 'advert', 'friend', 'other')),
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis = 'consent:channel_risk'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk')
) STRICT, WITHOUT ROWID;
CREATE INDEX sources_by_person ON sources (person);

-- Calls are counted; whose they were is in recordings (by consent) or, for 72 h, in call_numbers.
CREATE TABLE calls (
    call TEXT PRIMARY KEY CHECK (length(call) = 32),
    line TEXT NOT NULL,
    duration_ms INTEGER NOT NULL CHECK (duration_ms >= 0),
    answered INTEGER NOT NULL CHECK (answered IN (0, 1)),
    recorded INTEGER NOT NULL CHECK (recorded IN (0, 1)),
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis IN ('inquiry', 'consent:recording')),
    purpose TEXT NOT NULL CHECK (purpose = 'call_handling'),
    CHECK (recorded = 0 OR basis = 'consent:recording')
) STRICT, WITHOUT ROWID;

-- Sealed under a key of the call's own; joined with nothing.
CREATE TABLE call_numbers (
    call TEXT PRIMARY KEY REFERENCES calls ON DELETE CASCADE,
    sealed BLOB NOT NULL,
    purge_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'inquiry'),
    purpose TEXT NOT NULL CHECK (purpose IN ('call_handling', 'call_back'))
) STRICT, WITHOUT ROWID;
CREATE INDEX call_numbers_due ON call_numbers (purge_ms);

-- `spool` is a random file name under spool/; `wrapped` its key under the person's recording key.
CREATE TABLE recordings (
    call TEXT PRIMARY KEY CHECK (length(call) = 32),
    person TEXT NOT NULL CHECK (length(person) = 32),
    spool TEXT NOT NULL UNIQUE CHECK (length(spool) = 32),
    wrapped BLOB NOT NULL,
    duration_ms INTEGER NOT NULL CHECK (duration_ms >= 0),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:recording'),
    purpose TEXT NOT NULL CHECK (purpose = 'call_handling')
) STRICT, WITHOUT ROWID;
CREATE INDEX recordings_by_person ON recordings (person);

-- Agents' claims: a token, never a number.
CREATE TABLE reports (
    report_ref TEXT PRIMARY KEY,
    token TEXT NOT NULL CHECK (token GLOB '[a-z]*:*' AND length(token) BETWEEN 68 AND 81),
    channel TEXT NOT NULL,
    agent TEXT NOT NULL,
    reported_ms INTEGER,
    lapses_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'report'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk')
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_by_token ON reports (token);
CREATE INDEX reports_due ON reports (lapses_ms);

-- Every version stands. After an erasure or a lapse its hash and date remain, the rest is null.
CREATE TABLE verdicts (
    report_ref TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    verdict TEXT CHECK (verdict IN ('NORMAL', 'RISK', 'UNKNOWN')),
    reasons TEXT,
    inputs TEXT,
    inputs_hash TEXT NOT NULL CHECK (length(inputs_hash) = 64),
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis IN ('report', 'consent:channel_risk')),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk'),
    PRIMARY KEY (report_ref, version)
) STRICT, WITHOUT ROWID;

-- The inbox: which commands of headquarters were carried out. Whom they were about isn't kept.
CREATE TABLE commands (
    command_id TEXT PRIMARY KEY CHECK (length(command_id) = 32),
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights')
) STRICT, WITHOUT ROWID;

-- Erasures that were begun; finished at the next start if the process dies between. Empty otherwise.
CREATE TABLE erasing (
    erasure TEXT NOT NULL CHECK (length(erasure) = 32),
    person TEXT PRIMARY KEY CHECK (length(person) = 32),
    keys INTEGER NOT NULL CHECK (keys >= 0),
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights')
) STRICT, WITHOUT ROWID;

CREATE TABLE erasing_tokens (
    erasure TEXT NOT NULL CHECK (length(erasure) = 32),
    token TEXT PRIMARY KEY,
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights')
) STRICT, WITHOUT ROWID;

-- Keyed hashes of erased tokens: a backup or an import can't bring them back. `answered` 0: the erasure
-- was finished at a start, and headquarters' order still wants its receipt (`keys`, `rows`).
CREATE TABLE tombstones (
    mark TEXT PRIMARY KEY CHECK (length(mark) = 64),
    erasure TEXT NOT NULL CHECK (length(erasure) = 32),
    at_ms INTEGER NOT NULL,
    keys INTEGER NOT NULL,
    rows TEXT NOT NULL,
    answered INTEGER NOT NULL CHECK (answered IN (0, 1)),
    basis TEXT NOT NULL CHECK (basis = 'suppression'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights')
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_by_erasure ON tombstones (erasure);

-- One row per epoch that numbered a record: a random number per start that names the one before.
CREATE TABLE epochs (
    ordinal INTEGER PRIMARY KEY,
    epoch TEXT NOT NULL UNIQUE CHECK (length(epoch) = 32),
    previous_epoch TEXT,
    last_sequence INTEGER NOT NULL CHECK (last_sequence > 0)
) STRICT;

CREATE TABLE batches (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id TEXT NOT NULL UNIQUE CHECK (length(batch_id) = 32),
    epoch TEXT NOT NULL REFERENCES epochs (epoch)
) STRICT;

-- Records that headquarters hasn't receipted; a row gets its sequence when a batch takes it.
-- `person` and `who` say whom an erasure has to look for; neither leaves with the record.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    urgent INTEGER NOT NULL CHECK (urgent IN (0, 1)),
    kind TEXT NOT NULL,
    person TEXT,
    who TEXT,
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    record TEXT NOT NULL,
    batch INTEGER REFERENCES batches (ordinal),
    sequence INTEGER CHECK (sequence > 0),
    basis TEXT NOT NULL CHECK (basis IN (
        'inquiry', 'report', 'contract', 'employment', 'duty', 'suppression',
        'legal_order', 'impersonal', 'consent:registration', 'consent:id_card',
        'consent:face_match', 'consent:channel_risk', 'consent:follow_up',
        'consent:marketing', 'consent:recording', 'consent:location'
    )),
    purpose TEXT NOT NULL CHECK (purpose IN (
        'reception', 'identity_check', 'face_confirmation', 'channel_risk',
        'call_handling', 'call_back', 'footfall', 'operation', 'rights'
    )),
    CHECK ((batch IS NULL) = (sequence IS NULL))
) STRICT;
CREATE INDEX outbox_waiting ON outbox (urgent DESC, id) WHERE batch IS NULL;
CREATE UNIQUE INDEX outbox_taken ON outbox (batch, sequence) WHERE batch IS NOT NULL;
CREATE INDEX outbox_by_person ON outbox (person) WHERE person IS NOT NULL;
CREATE INDEX outbox_by_who ON outbox (who) WHERE who IS NOT NULL;

-- What was done, append-only and chained: each row's hash covers the one before.
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    code TEXT NOT NULL,
    subject TEXT,
    prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights')
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;

CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
