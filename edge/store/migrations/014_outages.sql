-- When this box was off: nobody could register then, so a finding that rests on nobody's having been here can't
-- be sure. About no person.
CREATE TABLE outages (
    from_ms INTEGER PRIMARY KEY,
    until_ms INTEGER NOT NULL CHECK (until_ms > from_ms),
    basis TEXT NOT NULL CHECK (basis = 'impersonal'),
    purpose TEXT NOT NULL CHECK (purpose = 'operation')
) STRICT;
