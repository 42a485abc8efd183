-- The desk shows who left today.
CREATE INDEX visits_left ON visits (departed_ms) WHERE departed_ms IS NOT NULL;
