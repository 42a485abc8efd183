-- The privacy officer gave this person the number: who looks at a finding on it is told so.
ALTER TABLE person_tokens ADD COLUMN corrected INTEGER NOT NULL DEFAULT 0 CHECK (corrected IN (0, 1));
