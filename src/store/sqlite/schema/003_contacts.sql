-- Contacts that the channel itself delimits (calls): what is there of each, and its number.
CREATE TABLE contact (
    name      BLOB PRIMARY KEY,         -- a digest of the channel and of its name for it
    number    INTEGER NOT NULL,
    brings    INTEGER NOT NULL,         -- what is there, as bits of the channel's own
    expects   INTEGER NOT NULL,         -- what is to be expected
    opened_at INTEGER NOT NULL,
    last_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_age ON contact (last_at);

-- Their messages.
CREATE TABLE contact_message (
    number  INTEGER NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (number, message)
) STRICT, WITHOUT ROWID;
