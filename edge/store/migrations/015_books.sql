-- What the books of channels and office say, row by row: tokens, codes and times, never a number or a name of a person.
-- A row counts by `changed_ms` (then `mark`, a keyed hash of the whole row), whichever order they come in; one that the
-- book took back stays, so that an older one that comes later doesn't revive it.
ALTER TABLE reports ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN mark TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1));
ALTER TABLE reports ADD COLUMN masked INTEGER NOT NULL DEFAULT 0 CHECK (masked IN (0, 1));

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
CREATE INDEX follow_ups_by_report ON follow_ups (report_ref);

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
CREATE INDEX extensions_by_report ON extensions (report_ref);

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
) STRICT, WITHOUT ROWID;
CREATE INDEX deals_due ON deals (lapses_ms);

CREATE TABLE deal_buyers (
    deal_ref TEXT NOT NULL REFERENCES deals ON DELETE CASCADE,
    place INTEGER NOT NULL CHECK (place > 0),
    token TEXT NOT NULL CHECK (token GLOB '[a-z]*:*' AND length(token) BETWEEN 68 AND 81),
    basis TEXT NOT NULL CHECK (basis = 'contract'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk'),
    PRIMARY KEY (deal_ref, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX deal_buyers_by_token ON deal_buyers (token);

-- Who owns here, or is a live customer of the office.
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
CREATE INDEX known_customers_by_token ON known_customers (token);
CREATE INDEX known_customers_due ON known_customers (lapses_ms);

-- About no person: that the office has brought in its list, and the channels of the project by code and public name.
CREATE TABLE customer_lists (
    ref TEXT PRIMARY KEY,
    changed_ms INTEGER NOT NULL,
    mark TEXT NOT NULL,
    withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
    basis TEXT NOT NULL CHECK (basis = 'impersonal'),
    purpose TEXT NOT NULL CHECK (purpose = 'operation')
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

-- A finding on a deal is about several persons: an erasure of each looks at these.
ALTER TABLE outbox ADD COLUMN several INTEGER NOT NULL DEFAULT 0 CHECK (several IN (0, 1));
CREATE INDEX outbox_of_several ON outbox (id) WHERE several = 1;

-- Findings are on reports, and now on deals too.
CREATE TABLE findings (
    about TEXT NOT NULL CHECK (about IN ('report', 'deal')),
    ref TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    verdict TEXT CHECK (verdict IN ('NORMAL', 'RISK', 'UNKNOWN')),
    reasons TEXT,
    inputs TEXT,
    inputs_hash TEXT NOT NULL CHECK (length(inputs_hash) = 64),
    since_ms INTEGER,
    at_ms INTEGER NOT NULL,
    quality TEXT NOT NULL CHECK (quality IN ('synchronised', 'drifting', 'unknown')),
    basis TEXT NOT NULL CHECK (basis IN ('report', 'contract')),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk'),
    PRIMARY KEY (about, ref, version)
) STRICT, WITHOUT ROWID;
INSERT INTO findings SELECT 'report', report_ref, version, verdict, reasons, inputs, inputs_hash,
    CASE WHEN json_valid(inputs) THEN coalesce(
        (SELECT min(json_extract(p.value, '$.at_ms')) FROM json_each(inputs, '$.case.presences') p),
        json_extract(inputs, '$.presences[0][0]'))
    END, at_ms, quality, 'report', purpose FROM verdicts;
DROP TABLE verdicts;
ALTER TABLE findings RENAME TO verdicts;
