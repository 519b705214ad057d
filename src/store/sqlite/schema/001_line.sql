-- Every message as received, in the order of acceptance. Never updated, so that a large body is written once.
CREATE TABLE message (
    id          INTEGER PRIMARY KEY,
    number      INTEGER NOT NULL,      -- day * 10^10 + sequence
    channel     TEXT NOT NULL,
    hotline     TEXT NOT NULL,
    received_at INTEGER NOT NULL,      -- milliseconds since 1970
    sender      TEXT,
    media_type  TEXT NOT NULL,
    meta        TEXT NOT NULL,         -- JSON object of strings
    keys        BLOB NOT NULL,         -- the names of its delivery keys, 16 bytes each
    digest      BLOB NOT NULL,         -- of its content
    body        BLOB NOT NULL
) STRICT;

-- Messages that have no outcome yet. Small: what is issued leaves it.
CREATE TABLE pending (
    message INTEGER PRIMARY KEY,
    number  INTEGER NOT NULL,
    due     INTEGER NOT NULL            -- when its conversation closes; 0: it is in none; -1: it came back
) STRICT;
CREATE INDEX pending_conversation ON pending (number) WHERE due > 0;

-- Conversations that further messages of the same sender join.
CREATE TABLE conversation (
    channel   TEXT NOT NULL,
    sender    TEXT NOT NULL,
    number    INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    messages  INTEGER NOT NULL,
    PRIMARY KEY (channel, sender)
) STRICT, WITHOUT ROWID;

-- Messages that no parser understands.
CREATE TABLE quarantine (
    message INTEGER PRIMARY KEY,
    number  INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

-- Names under which a message could be sent again: a digest of (channel, scope, name), and of its content.
-- Those of recent messages are not here yet, only in their messages.
CREATE TABLE delivery_key (
    name    BLOB NOT NULL,
    content BLOB NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (name, content)
) STRICT, WITHOUT ROWID;

-- The keys of the messages up to this one are in delivery_key.
CREATE TABLE folded (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    message INTEGER NOT NULL
) STRICT;

-- The last sequence of each local day's numbers, and where the day's messages begin.
CREATE TABLE counter (
    day   INTEGER PRIMARY KEY,
    last  INTEGER NOT NULL,
    first INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What became of what was received. What was received in the first place is counted from the messages themselves.
CREATE TABLE tally (
    day        INTEGER NOT NULL,
    channel    TEXT NOT NULL,
    hotline    TEXT NOT NULL,
    ticketed   INTEGER NOT NULL DEFAULT 0,
    supplement INTEGER NOT NULL DEFAULT 0,
    repeat     INTEGER NOT NULL DEFAULT 0,
    redelivery INTEGER NOT NULL DEFAULT 0,
    refused    INTEGER NOT NULL DEFAULT 0,   -- rejected, nothing kept
    noted      INTEGER NOT NULL DEFAULT 0,   -- rejected, but kept: of no use to a ticket
    PRIMARY KEY (day, channel, hotline)
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket (
    number      INTEGER PRIMARY KEY,
    version     INTEGER NOT NULL,
    code_hash   BLOB NOT NULL,
    channel     TEXT NOT NULL,
    hotline     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    status      TEXT NOT NULL,
    appellant   TEXT NOT NULL,
    sender      TEXT,                   -- in the channel's own terms, where the channel can reach them
    received_at INTEGER NOT NULL,
    document    TEXT NOT NULL
) STRICT;
CREATE INDEX ticket_sender ON ticket (channel, sender) WHERE sender IS NOT NULL;

-- Repeats: the same citizen's same matter again, counted to a ticket. They have a number and a code, and no ticket.
CREATE TABLE repeat (
    number    INTEGER PRIMARY KEY,
    ticket    INTEGER NOT NULL,         -- 0: an operator has undone it
    code_hash BLOB NOT NULL
) STRICT;

-- The tickets of an incident, named by its first one.
CREATE TABLE member (
    incident INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    citizen  TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (incident, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_number ON member (number);

-- Tickets that the repeat index has not been asked about.
CREATE TABLE unchecked (
    number INTEGER PRIMARY KEY
) STRICT;

-- Answers on their way to citizens.
CREATE TABLE reply (
    id        INTEGER PRIMARY KEY,
    number    INTEGER NOT NULL,
    name      TEXT NOT NULL,            -- its id in the ticket
    channel   TEXT NOT NULL,
    recipient TEXT NOT NULL,
    words     TEXT NOT NULL,
    state     TEXT NOT NULL,
    attempts  INTEGER NOT NULL,
    next_at   INTEGER NOT NULL,         -- of a pending one: when to try (again)
    give_up   INTEGER NOT NULL,
    sent_as   TEXT                      -- the channel's name for it
) STRICT;
CREATE INDEX reply_due ON reply (next_at) WHERE state = 'pending';
CREATE INDEX reply_open ON reply (number, id) WHERE state IN ('pending', 'sending');
-- Whether somebody has had a receipt by a message of its own lately.
CREATE INDEX reply_receipt ON reply (channel, recipient, give_up) WHERE name = 'receipt';
CREATE INDEX reply_sent ON reply (channel, sent_as) WHERE sent_as IS NOT NULL;

-- Photos and recordings that channels still have.
CREATE TABLE media (
    number   INTEGER NOT NULL,
    file     TEXT NOT NULL,             -- its id in the ticket
    channel  TEXT NOT NULL,
    source   TEXT NOT NULL,             -- the channel's name for it
    state    TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at  INTEGER NOT NULL,
    PRIMARY KEY (number, file)
) STRICT, WITHOUT ROWID;
CREATE INDEX media_due ON media (next_at) WHERE state = 'pending';

-- Senders who cannot be written to any more.
CREATE TABLE unreachable (
    channel TEXT NOT NULL,
    sender  TEXT NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (channel, sender)
) STRICT, WITHOUT ROWID;

-- What the core has told us, so that it can say so twice.
CREATE TABLE core_update (
    number  INTEGER NOT NULL,
    id      TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (number, id)
) STRICT, WITHOUT ROWID;

-- The log that the core, the subscribers and the feed read, each at its own cursor.
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    id       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    number   INTEGER NOT NULL,
    body     BLOB NOT NULL
) STRICT;

CREATE TABLE destination (
    name   TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL,
    ahead  TEXT NOT NULL            -- JSON array of [first, last]
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letter (
    destination TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('dead', 'queued', 'delivered')),
    PRIMARY KEY (destination, sequence)
) STRICT, WITHOUT ROWID;

-- Who looked at whose data.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    who    TEXT NOT NULL,
    action TEXT NOT NULL,
    number INTEGER NOT NULL
) STRICT;

-- Channels that an operator has stopped.
CREATE TABLE paused_channel (
    id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Work that one node at a time does.
CREATE TABLE lease (
    resource TEXT PRIMARY KEY,
    holder   TEXT NOT NULL,
    fence    INTEGER NOT NULL,
    until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
