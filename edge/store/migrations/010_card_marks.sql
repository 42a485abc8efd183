-- By what a card is found again that its bearer lays down anew: an HMAC of its number under a key of this box
-- alone (cardmarks.py). Each keeping has a row of its own, with the code of the registration at which it was
-- kept: a later card under the same number takes nothing from the owner of an earlier one.
CREATE TABLE card_marks (
    mark TEXT NOT NULL CHECK (length(mark) = 64),
    link TEXT NOT NULL REFERENCES rights_links ON DELETE CASCADE,
    person TEXT NOT NULL CHECK (length(person) = 32),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'consent:id_card'),
    purpose TEXT NOT NULL CHECK (purpose = 'identity_check'),
    PRIMARY KEY (mark, link)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_marks_by_person ON card_marks (person);
CREATE INDEX card_marks_by_link ON card_marks (link);

-- The card with which a receptionist signs in: an HMAC of its number under another key of this box.
CREATE TABLE staff_cards (
    staff TEXT PRIMARY KEY REFERENCES staff ON DELETE CASCADE,
    mark TEXT NOT NULL UNIQUE CHECK (length(mark) = 64),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'employment'),
    purpose TEXT NOT NULL CHECK (purpose = 'staffing')
) STRICT, WITHOUT ROWID;
