-- When a registered person means to come again, made at the desk during a visit (`made_in`). `kept_in`: the visit
-- in which they came for it; the sign of their presence stands in that visit's evidence. One that nobody kept says
-- nothing of anybody.
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
CREATE INDEX appointments_by_person ON appointments (person);
CREATE INDEX appointments_due ON appointments (due_ms);

CREATE TRIGGER appointments_make_packages_stale AFTER INSERT ON appointments BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER changed_appointments_make_packages_stale AFTER UPDATE ON appointments BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = NEW.person AND dirty = 0;
END;

CREATE TRIGGER ended_appointments_make_packages_stale AFTER DELETE ON appointments BEGIN
    UPDATE rights_links SET dirty = 1 WHERE person = OLD.person AND dirty = 0;
END;
