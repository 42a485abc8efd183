-- Tokens by generation of the project's keys. `successor` is the token that took this one's place; a row
-- without one and of an older generation than the newest waits for it. Tokens kept so far are generation 0.
ALTER TABLE person_tokens ADD COLUMN generation INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0);
ALTER TABLE person_tokens ADD COLUMN successor TEXT;
CREATE INDEX person_tokens_waiting ON person_tokens (generation, token) WHERE successor IS NULL;
