-- Destinations that an operator has stopped.
CREATE TABLE paused_destination (
    name  TEXT PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What comparisons with old systems found.
CREATE TABLE parity (
    id           INTEGER PRIMARY KEY,
    line         TEXT NOT NULL,
    first        INTEGER NOT NULL,      -- local days, YYYYMMDD
    last         INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    file         TEXT NOT NULL,
    matched      INTEGER NOT NULL,
    different    INTEGER NOT NULL,
    missing_here INTEGER NOT NULL,
    missing_there INTEGER NOT NULL
) STRICT;
CREATE INDEX parity_line ON parity (line, id);

-- Days that are over: what became of everything received, and the hash of that and of the day before.
CREATE TABLE closed_day (
    day      INTEGER PRIMARY KEY,
    previous BLOB NOT NULL,
    hash     BLOB NOT NULL,
    record   TEXT NOT NULL              -- JSON, hashed as it stands
) STRICT;
