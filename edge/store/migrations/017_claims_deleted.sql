-- A report that is deleted can't be told from one that never was: of each deal, until when claims may have been deleted
-- by the end of their period before the deal was brought in. From then on they are kept as long as the deal.
ALTER TABLE deals ADD COLUMN claims_from_ms INTEGER;
-- Of whom a finding's record names, and of which channel, a keyed hash: a book may correct just that.
ALTER TABLE verdicts ADD COLUMN named TEXT CHECK (length(named) = 64);
