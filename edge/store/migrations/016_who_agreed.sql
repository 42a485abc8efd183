-- From when on a consent counts, where nobody showed that the number is theirs; NULL: all that is held. The channel that
-- a visitor named, by its code. And beside a token of channel_risk that of its number's first three and last four digits.
ALTER TABLE consents ADD COLUMN covers_ms INTEGER;
ALTER TABLE sources ADD COLUMN channel TEXT;
ALTER TABLE person_tokens ADD COLUMN mask TEXT CHECK (mask GLOB 'channel_risk:*' AND length(mask) = 77);
ALTER TABLE deal_buyers ADD COLUMN mask TEXT CHECK (mask GLOB 'channel_risk:*' AND length(mask) = 77);
CREATE INDEX deal_buyers_by_mask ON deal_buyers (mask) WHERE mask IS NOT NULL;
CREATE INDEX person_tokens_by_mask ON person_tokens (mask) WHERE mask IS NOT NULL;

-- On whom a claim by a masked number was ever completed: their erasure finds it, and what was found on it.
CREATE TABLE completions (
    report_ref TEXT NOT NULL,
    token TEXT NOT NULL CHECK (token GLOB 'channel_risk:*' AND length(token) = 77),
    at_ms INTEGER NOT NULL,
    basis TEXT NOT NULL CHECK (basis = 'report'),
    purpose TEXT NOT NULL CHECK (purpose = 'channel_risk'),
    PRIMARY KEY (report_ref, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX completions_by_token ON completions (token);
CREATE TRIGGER completions_end_with_their_report AFTER DELETE ON reports BEGIN
    DELETE FROM completions WHERE report_ref = OLD.report_ref;
END;
