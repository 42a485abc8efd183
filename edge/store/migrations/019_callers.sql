-- Beside a token of channel_risk the same number's token of recording: a recorded call is evidence while both stand.
ALTER TABLE person_tokens ADD COLUMN caller TEXT CHECK (caller GLOB 'recording:*' AND length(caller) = 74);
