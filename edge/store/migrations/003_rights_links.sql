-- The visitor's own page of rights. `sealed` holds the secret of the code, under the person's registration
-- key; the link is random and joins a person on this box and nowhere else. A code shows what was given from
-- `since_ms` on, before `until_ms`: a number that was typed proves nobody, a card does (`verified`).
-- `revision` 0: no package was made yet; `dirty`: what is held has changed since the last one.
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
CREATE INDEX rights_links_by_person ON rights_links (person);
CREATE INDEX rights_links_dirty ON rights_links (link) WHERE dirty = 1;

-- What was asked with a code: once each, with its clock. `sealed` is what the person wrote, if anything.
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
CREATE INDEX rights_requests_by_person ON rights_requests (person);
CREATE INDEX rights_requests_waiting ON rights_requests (due_ms) WHERE state = 'waits';

-- A newer package takes the place of one that waits to be sent.
CREATE INDEX outbox_packages ON outbox (json_extract(record, '$.link_id')) WHERE kind = 'rights_package';

-- Whatever changes what is held of a person makes their packages stale, whichever part of the program did it.
CREATE TRIGGER consents_make_packages_stale AFTER INSERT ON consents BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER contacts_make_packages_stale AFTER INSERT ON contacts BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER changed_contacts_make_packages_stale AFTER UPDATE ON contacts BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER ended_contacts_make_packages_stale AFTER DELETE ON contacts BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER templates_make_packages_stale AFTER INSERT ON templates BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER ended_templates_make_packages_stale AFTER DELETE ON templates BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER cards_make_packages_stale AFTER INSERT ON cards BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER changed_cards_make_packages_stale AFTER UPDATE ON cards BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER ended_cards_make_packages_stale AFTER DELETE ON cards BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER visits_make_packages_stale AFTER INSERT ON visits BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER changed_visits_make_packages_stale AFTER UPDATE ON visits BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER ended_visits_make_packages_stale AFTER DELETE ON visits BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER recordings_make_packages_stale AFTER INSERT ON recordings BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER ended_recordings_make_packages_stale AFTER DELETE ON recordings BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;

CREATE TRIGGER sources_make_packages_stale AFTER INSERT ON sources BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER requests_make_packages_stale AFTER INSERT ON rights_requests BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER settled_requests_make_packages_stale AFTER UPDATE ON rights_requests BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;
