CREATE INDEX appointments_by_person ON appointments (person);

CREATE INDEX appointments_due ON appointments (due_ms);

CREATE INDEX call_numbers_due ON call_numbers (purge_ms);

CREATE INDEX card_marks_by_link ON card_marks (link);

CREATE INDEX card_marks_by_person ON card_marks (person);

CREATE INDEX completions_by_token ON completions (token);

CREATE INDEX deal_buyers_by_mask ON deal_buyers (mask) WHERE mask IS NOT NULL;

CREATE INDEX deal_buyers_by_token ON deal_buyers (token);

CREATE INDEX deals_due ON deals (lapses_ms);

CREATE INDEX extensions_by_report ON extensions (report_ref);

CREATE INDEX follow_ups_by_report ON follow_ups (report_ref);

CREATE INDEX known_customers_by_token ON known_customers (token);

CREATE INDEX known_customers_due ON known_customers (lapses_ms);

CREATE INDEX notice_terms_by_terms ON notice_terms (scope, terms);

CREATE INDEX outbox_by_person ON outbox (person) WHERE person IS NOT NULL;

CREATE INDEX outbox_by_who ON outbox (who) WHERE who IS NOT NULL;

CREATE INDEX outbox_of_several ON outbox (id) WHERE several = 1;

CREATE INDEX outbox_packages ON outbox (json_extract(record, '$.link_id')) WHERE kind = 'rights_package';

CREATE UNIQUE INDEX outbox_taken ON outbox (batch, sequence) WHERE batch IS NOT NULL;

CREATE INDEX outbox_waiting ON outbox (urgent DESC, id) WHERE batch IS NULL;

CREATE INDEX person_tokens_by_mask ON person_tokens (mask) WHERE mask IS NOT NULL;

CREATE INDEX person_tokens_by_person ON person_tokens (person);

CREATE INDEX person_tokens_waiting ON person_tokens (generation, token) WHERE successor IS NULL;

CREATE INDEX recordings_by_person ON recordings (person);

CREATE INDEX reports_by_token ON reports (token);

CREATE INDEX reports_due ON reports (lapses_ms);

CREATE INDEX rights_links_by_person ON rights_links (person);

CREATE INDEX rights_links_dirty ON rights_links (link) WHERE dirty = 1;

CREATE INDEX rights_requests_by_person ON rights_requests (person);

CREATE INDEX rights_requests_waiting ON rights_requests (due_ms) WHERE state = 'waits';

CREATE UNIQUE INDEX shifts_open ON shifts (staff) WHERE ended_ms IS NULL;

CREATE INDEX sources_by_person ON sources (person);

CREATE INDEX templates_by_person ON templates (person);

CREATE INDEX tombstones_by_erasure ON tombstones (erasure);

CREATE INDEX visits_by_person ON visits (person, arrived_ms);

CREATE INDEX visits_left ON visits (departed_ms) WHERE departed_ms IS NOT NULL;

CREATE INDEX visits_open ON visits (arrived_ms) WHERE departed_ms IS NULL;

CREATE TABLE appointments (
    appointment TEXT PRIMARY KEY CHECK (length(appointment) = 32),
    person TEXT NOT NULL CHECK (length(person) = 32),
    made_in TEXT NOT NULL CHECK (length(made_in) = 32),
    due_ms INTEGER NOT NULL,
    party_size INTEGER NOT NULL CHECK (party_size BETWEEN 1 AND 99),
    kept_ms INTEGER,
    kept_in TEXT CHECK (length(kept_in) = 32),
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis = 'consent:registration'),
    purpose TEXT NOT NULL CHECK (purpose = 'reception'),
    CHECK ((kept_ms IS NULL) = (kept_in IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE "audit" (
    sequence INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    code TEXT,
    subject TEXT,
    prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights'),
    CHECK (code IS NOT NULL OR subject IS NULL)
) STRICT;

CREATE TABLE batches (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id TEXT NOT NULL UNIQUE CHECK (length(batch_id) = 32),
    epoch TEXT NOT NULL REFERENCES epochs (epoch)
) STRICT;

CREATE TABLE call_numbers (
    call TEXT PRIMARY KEY REFERENCES calls ON DELETE CASCADE,
    sealed BLOB NOT NULL,
    purge_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'inquiry'),
    purpose TEXT NOT NULL CHECK (purpose IN ('call_handling', 'call_back'))
) STRICT, WITHOUT ROWID;

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

CREATE TABLE card_marks (
    mark TEXT NOT NULL CHECK (length(mark) = 64),
    link TEXT NOT NULL REFERENCES rights_links ON DELETE CASCADE,
    person TEXT NOT NULL CHECK (length(person) = 32),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:id_card'),
    purpose TEXT NOT NULL CHECK (purpose = 'identity_check'),
    PRIMARY KEY (mark, link)
) STRICT, WITHOUT ROWID;

CREATE TABLE cards (
    person TEXT PRIMARY KEY CHECK (length(person) = 32),
    sealed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:id_card'),
    purpose TEXT NOT NULL CHECK (purpose = 'identity_check')
) STRICT, WITHOUT ROWID;

CREATE TABLE channels (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    mark TEXT NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    basis TEXT NOT NULL CHECK (basis = 'impersonal'),
    purpose TEXT NOT NULL CHECK (purpose = 'operation')
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
    command_id TEXT PRIMARY KEY CHECK (length(command_id) = 32),
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights')
) STRICT, WITHOUT ROWID;

CREATE TABLE completions (
    report_ref TEXT NOT NULL,
    token TEXT NOT NULL CHECK (token GLOB 'channel_risk:*' AND length(token) = 77),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'report'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk'),
    PRIMARY KEY (report_ref, token)
) STRICT, WITHOUT ROWID;

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
    purpose TEXT NOT NULL CHECK (purpose = 'rights'), covers_ms INTEGER,
    PRIMARY KEY (person, scope, version),
    CHECK (state <> 'ACTIVE' OR (notice_hash IS NOT NULL AND act IS NOT NULL AND proof IS NOT NULL)),
    CHECK ((act IS 'paper') = (entered_ms IS NOT NULL)),
    CHECK (act IS NOT 'paper' OR (
        quality = 'unknown' AND scope IN ('registration', 'channel_risk', 'follow_up')
    ))
) STRICT, WITHOUT ROWID;

CREATE TABLE contacts (
    person TEXT NOT NULL CHECK (length(person) = 32),
    scope TEXT NOT NULL,
    sealed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:' || scope),
    purpose TEXT NOT NULL CHECK (purpose IN ('reception', 'channel_risk', 'call_handling', 'call_back')),
    PRIMARY KEY (person, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_lists (
    ref TEXT PRIMARY KEY,
    changed_ms INTEGER NOT NULL,
    mark TEXT NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    basis TEXT NOT NULL CHECK (basis = 'impersonal'),
    purpose TEXT NOT NULL CHECK (purpose = 'operation')
) STRICT, WITHOUT ROWID;

CREATE TABLE deal_buyers (
    deal_ref TEXT NOT NULL REFERENCES deals ON DELETE CASCADE,
    place INTEGER NOT NULL CHECK (place > 0),
    token TEXT NOT NULL CHECK (token GLOB '[a-z]*:*' AND length(token) BETWEEN 68 AND 81),
    basis TEXT NOT NULL CHECK (basis = 'contract'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk'), mask TEXT CHECK (mask GLOB 'channel_risk:*' AND length(mask) = 77),
    PRIMARY KEY (deal_ref, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE deals (
    deal_ref TEXT PRIMARY KEY,
    channel TEXT,
    subscribed_ms INTEGER,
    contracted_ms INTEGER,
    owner TEXT CHECK (owner IN ('office', 'channel')),
    buyers INTEGER NOT NULL CHECK (buyers > 0),
    changed_ms INTEGER NOT NULL,
    mark TEXT NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    lapses_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'contract'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk')
, claims_from_ms INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE epochs (
    ordinal INTEGER PRIMARY KEY,
    epoch TEXT NOT NULL UNIQUE CHECK (length(epoch) = 32),
    previous_epoch TEXT,
    last_sequence INTEGER NOT NULL CHECK (last_sequence > 0)
) STRICT;

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

CREATE TABLE extensions (
    ref TEXT PRIMARY KEY,
    report_ref TEXT NOT NULL,
    logged_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    mark TEXT NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'report'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk')
) STRICT, WITHOUT ROWID;

CREATE TABLE follow_ups (
    ref TEXT PRIMARY KEY,
    report_ref TEXT NOT NULL,
    followed_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    mark TEXT NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'report'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk')
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

CREATE TABLE known_customers (
    ref TEXT PRIMARY KEY,
    token TEXT NOT NULL CHECK (token GLOB '[a-z]*:*' AND length(token) BETWEEN 68 AND 81),
    since_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    mark TEXT NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    lapses_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'contract'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk')
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE names (
    person TEXT PRIMARY KEY CHECK (length(person) = 32),
    sealed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:registration'),
    purpose TEXT NOT NULL CHECK (purpose = 'reception')
) STRICT, WITHOUT ROWID;

CREATE TABLE notice_terms (
    hash TEXT NOT NULL REFERENCES notices (hash),
    scope TEXT NOT NULL,
    terms TEXT NOT NULL CHECK (length(terms) = 64),
    PRIMARY KEY (hash, scope)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE outages (
    from_ms INTEGER PRIMARY KEY,
    until_ms INTEGER NOT NULL CHECK (until_ms > from_ms),
    basis TEXT NOT NULL CHECK (basis = 'impersonal'),
    purpose TEXT NOT NULL CHECK (purpose = 'operation')
) STRICT;

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
    )), several INTEGER NOT NULL DEFAULT 0 CHECK (several IN (0, 1)),
    CHECK ((batch IS NULL) = (sequence IS NULL))
) STRICT;

CREATE TABLE person_tokens (
    token TEXT PRIMARY KEY CHECK (token GLOB '[a-z]*:*' AND length(token) BETWEEN 68 AND 81),
    person TEXT NOT NULL CHECK (length(person) = 32),
    scope TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:' || scope),
    purpose TEXT NOT NULL CHECK (purpose IN ('reception', 'channel_risk', 'call_handling'))
, generation INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0), successor TEXT, corrected INTEGER NOT NULL DEFAULT 0 CHECK (corrected IN (0, 1)), mask TEXT CHECK (mask GLOB 'channel_risk:*' AND length(mask) = 77), caller TEXT CHECK (caller GLOB 'recording:*' AND length(caller) = 74)) STRICT, WITHOUT ROWID;

CREATE TABLE receptions (
    visit TEXT PRIMARY KEY REFERENCES visits ON DELETE CASCADE,
    staff TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:registration'),
    purpose TEXT NOT NULL CHECK (purpose = 'reception')
) STRICT, WITHOUT ROWID;

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
, changed_ms INTEGER NOT NULL DEFAULT 0, mark TEXT NOT NULL DEFAULT '', withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)), masked INTEGER NOT NULL DEFAULT 0 CHECK (masked IN (0, 1))) STRICT, WITHOUT ROWID;

CREATE TABLE rights_links (
    link TEXT PRIMARY KEY CHECK (length(link) = 32),
    person TEXT NOT NULL CHECK (length(person) = 32),
    sealed BLOB NOT NULL,
    since_ms INTEGER NOT NULL,
    until_ms INTEGER,
    verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
    revision INTEGER NOT NULL CHECK (revision >= 0),
    dirty INTEGER NOT NULL CHECK (dirty IN (0, 1)),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights')
) STRICT, WITHOUT ROWID;

CREATE TABLE rights_requests (
    link TEXT NOT NULL REFERENCES rights_links ON DELETE CASCADE,
    request TEXT NOT NULL CHECK (length(request) = 32),
    person TEXT NOT NULL CHECK (length(person) = 32),
    act TEXT NOT NULL CHECK (act IN ('withdraw', 'correct', 'erase', 'complain', 'copy')),
    sealed BLOB,
    at_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('done', 'waits', 'refused')),
    code TEXT NOT NULL,
    settled_ms INTEGER,
    basis TEXT NOT NULL CHECK (basis = 'duty'),
    purpose TEXT NOT NULL CHECK (purpose = 'rights'),
    PRIMARY KEY (link, request),
    CHECK ((state = 'waits') = (settled_ms IS NULL))
) STRICT, WITHOUT ROWID;

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

CREATE TABLE sources (
    visit TEXT PRIMARY KEY REFERENCES visits ON DELETE CASCADE,
    person TEXT NOT NULL CHECK (length(person) = 32),
    source TEXT NOT NULL CHECK (source IN ('agent', 'walk_in', 'advert', 'friend', 'other')),
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis = 'consent:channel_risk'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk')
, channel TEXT) STRICT, WITHOUT ROWID;

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

CREATE TABLE staff_cards (
    staff TEXT PRIMARY KEY REFERENCES staff ON DELETE CASCADE,
    mark TEXT NOT NULL UNIQUE CHECK (length(mark) = 64),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'employment'),
    purpose TEXT NOT NULL CHECK (purpose = 'staffing')
) STRICT, WITHOUT ROWID;

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

CREATE TABLE templates (
    template TEXT PRIMARY KEY CHECK (length(template) = 32),
    person TEXT NOT NULL CHECK (length(person) = 32),
    model TEXT NOT NULL,
    sealed BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:face_match'),
    purpose TEXT NOT NULL CHECK (purpose = 'face_confirmation')
) STRICT, WITHOUT ROWID;

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

CREATE TABLE "verdicts" (
    id INTEGER PRIMARY KEY,
    about TEXT NOT NULL CHECK (about IN ('report', 'deal')),
    ref TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    verdict TEXT CHECK (verdict IN ('NORMAL', 'RISK', 'UNKNOWN')),
    reasons TEXT,
    inputs TEXT,
    inputs_hash TEXT NOT NULL CHECK (length(inputs_hash) = 64),
    since_ms INTEGER,
    named TEXT CHECK (length(named) = 64),
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis IN ('report', 'contract')),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk'),
    UNIQUE (about, ref, version)
) STRICT;

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
, departure_estimated INTEGER NOT NULL DEFAULT 0 CHECK (departure_estimated IN (0, 1)), entered_ms INTEGER
    CHECK (entered_ms IS NULL OR (entered_ms >= arrived_ms AND quality = 'unknown'))) STRICT, WITHOUT ROWID;

CREATE TRIGGER appointments_make_packages_stale AFTER INSERT ON appointments BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
WHEN NEW.code IS NOT NULL OR NEW.subject IS NOT NULL OR NEW.sequence <> OLD.sequence
    OR NEW.at_ms <> OLD.at_ms OR NEW.prev_hash <> OLD.prev_hash OR NEW.hash <> OLD.hash
    OR NEW.basis <> OLD.basis OR NEW.purpose <> OLD.purpose
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;

CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;

CREATE TRIGGER cards_make_packages_stale AFTER INSERT ON cards BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER changed_appointments_make_packages_stale AFTER UPDATE ON appointments BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER changed_cards_make_packages_stale AFTER UPDATE ON cards BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER changed_contacts_make_packages_stale AFTER UPDATE ON contacts BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER changed_visits_make_packages_stale AFTER UPDATE ON visits BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER completions_end_with_their_report AFTER DELETE ON reports BEGIN
    DELETE FROM completions WHERE report_ref = OLD.report_ref;
END;

CREATE TRIGGER completions_make_packages_stale AFTER INSERT ON completions BEGIN
    UPDATE rights_links SET dirty = 1 WHERE dirty = 0
        AND person IN (SELECT person FROM person_tokens WHERE token = NEW.token);
END;

CREATE TRIGGER consents_are_append_only BEFORE UPDATE ON consents
BEGIN
    SELECT RAISE(ABORT, 'consents are append-only');
END;

CREATE TRIGGER consents_make_packages_stale AFTER INSERT ON consents BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER contacts_make_packages_stale AFTER INSERT ON contacts BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER ended_appointments_make_packages_stale AFTER DELETE ON appointments BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER ended_cards_make_packages_stale AFTER DELETE ON cards BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER ended_contacts_make_packages_stale AFTER DELETE ON contacts BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER ended_recordings_make_packages_stale AFTER DELETE ON recordings BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER ended_templates_make_packages_stale AFTER DELETE ON templates BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER ended_visits_make_packages_stale AFTER DELETE ON visits BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER recordings_make_packages_stale AFTER INSERT ON recordings BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER requests_make_packages_stale AFTER INSERT ON rights_requests BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER settled_requests_make_packages_stale AFTER UPDATE ON rights_requests BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER sources_make_packages_stale AFTER INSERT ON sources BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER templates_make_packages_stale AFTER INSERT ON templates BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER visits_make_packages_stale AFTER INSERT ON visits BEGIN
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
