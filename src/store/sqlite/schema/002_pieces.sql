-- Pieces of messages that are not whole yet; when they are, they are ordinary messages of one conversation.
CREATE TABLE piece (
    whole     BLOB NOT NULL,            -- a digest of the channel and of what tells the message from others
    place     INTEGER NOT NULL,
    message   INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    content   BLOB NOT NULL,            -- a digest
    opened_at INTEGER NOT NULL,         -- when the first came
    last_at   INTEGER NOT NULL,         -- when the latest came, the same in all of a message
    PRIMARY KEY (whole, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX piece_number ON piece (number);
CREATE INDEX piece_age ON piece (last_at);

-- When the next conversation closes, however many wait.
CREATE INDEX pending_due ON pending (due) WHERE due > 0;

-- Messages that a reply went out in, where their fate is reported.
CREATE TABLE reply_message (
    channel TEXT NOT NULL,
    sent_as TEXT NOT NULL,              -- the channel's name for it
    reply   INTEGER NOT NULL,
    fate    TEXT,                       -- empty: it arrived; otherwise why not
    PRIMARY KEY (channel, sent_as)
) STRICT, WITHOUT ROWID;
CREATE INDEX reply_message_of ON reply_message (reply);
CREATE INDEX reply_awaited ON reply (next_at) WHERE state = 'sent';
