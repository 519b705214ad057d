-- Names of citizens that were learnt lately, in the order in which they were. A fold takes many at a time into identity, in
-- the order of that table: one by one, each would rewrite a page of its own.
CREATE TABLE learnt (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    citizen TEXT NOT NULL,
    kind    TEXT NOT NULL,
    shown   TEXT NOT NULL,
    proven  INTEGER NOT NULL,
    channel TEXT NOT NULL,
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
