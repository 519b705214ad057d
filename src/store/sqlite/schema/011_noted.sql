-- Messages that made no ticket although their senders have a number, by which they may ask.
CREATE TABLE noted (
    number      INTEGER PRIMARY KEY,
    ticket      INTEGER NOT NULL,      -- that it was about; 0: none
    received_at INTEGER NOT NULL,
    what        TEXT NOT NULL          -- it was
) STRICT;
