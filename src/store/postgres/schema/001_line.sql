-- Texts that are looked up or sorted have the collation "C": bytes, on every server alike.

-- The last id of a message and the last sequence of an event. Who writes to the store locks this row first: so one
-- transaction of all nodes writes at a time, and both are seen in their order.
CREATE TABLE line (
    one     integer PRIMARY KEY CHECK (one = 1),
    message bigint NOT NULL,
    event   bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO line VALUES (1, 0, 0);

-- Every message as received, in the order of acceptance. Never updated.
CREATE TABLE message (
    id          bigint PRIMARY KEY,
    number      bigint NOT NULL,        -- day * 10^10 + sequence
    channel     text NOT NULL,
    hotline     text NOT NULL,
    received_at bigint NOT NULL,        -- milliseconds since 1970
    sender      text,
    media_type  text NOT NULL,
    meta        text NOT NULL,          -- JSON object of strings
    body        bytea NOT NULL
);

-- Messages that have no outcome yet. Small: what is issued leaves it.
CREATE TABLE pending (
    message bigint PRIMARY KEY,
    number  bigint NOT NULL,
    due     bigint NOT NULL             -- when its conversation closes; 0: it is in none; -1: it came back
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE INDEX pending_conversation ON pending (number, due) WHERE due > 0;
CREATE INDEX pending_number ON pending (number);
CREATE INDEX pending_ready ON pending (message) WHERE due <= 0;
-- Its condition is written so that nobody who asks for a number is led here.
CREATE INDEX pending_waiting ON pending (due, message) WHERE due >= 1;

-- Conversations that further messages of the same sender join.
CREATE TABLE conversation (
    channel   text COLLATE "C" NOT NULL,
    sender    text COLLATE "C" NOT NULL,
    number    bigint NOT NULL,
    opened_at bigint NOT NULL,
    last_at   bigint NOT NULL,
    messages  bigint NOT NULL,
    PRIMARY KEY (channel, sender)
);

-- Messages that no parser understands.
CREATE TABLE quarantine (
    message bigint PRIMARY KEY,
    number  bigint NOT NULL,
    reason  text NOT NULL,
    at      bigint NOT NULL
);
CREATE INDEX quarantine_number ON quarantine (number);

-- Names under which a message could be sent again: a digest of (channel, scope, name), and of its content.
CREATE TABLE delivery_key (
    name    bytea NOT NULL,
    content bytea NOT NULL,
    message bigint NOT NULL,
    PRIMARY KEY (name, content)
);

-- Pieces of messages that are not whole yet, or were made whole a moment ago.
CREATE TABLE piece (
    whole     bytea NOT NULL,           -- a digest of the channel and of what tells the message from others
    place     bigint NOT NULL,
    message   bigint NOT NULL,
    number    bigint NOT NULL,
    content   bytea NOT NULL,           -- a digest
    opened_at bigint NOT NULL,          -- when the first came
    last_at   bigint NOT NULL,          -- when the latest came, the same in all of a message
    complete  boolean NOT NULL,         -- all of them are there
    PRIMARY KEY (whole, place)
);
CREATE INDEX piece_number ON piece (number) WHERE NOT complete;
CREATE INDEX piece_age ON piece (complete, last_at);

-- Contacts that the channel itself delimits (calls): what is there of each, and its number.
CREATE TABLE contact (
    name      bytea PRIMARY KEY,        -- a digest of the channel and of its name for it
    number    bigint NOT NULL,
    brings    bigint NOT NULL,          -- what is there, as bits of the channel's own
    expects   bigint NOT NULL,          -- what is to be expected
    opened_at bigint NOT NULL,
    last_at   bigint NOT NULL
);
CREATE INDEX contact_age ON contact (last_at);

-- Their messages.
CREATE TABLE contact_message (
    number  bigint NOT NULL,
    message bigint NOT NULL,
    PRIMARY KEY (number, message)
);

-- The last sequence of each local day's numbers, and where the day's messages begin.
CREATE TABLE counter (
    day   bigint PRIMARY KEY,
    last  bigint NOT NULL,
    first bigint NOT NULL
) WITH (fillfactor = 50);

-- What became of what was received. What was received in the first place is counted from the messages themselves.
CREATE TABLE tally (
    day        bigint NOT NULL,
    channel    text COLLATE "C" NOT NULL,
    hotline    text COLLATE "C" NOT NULL,
    ticketed   bigint NOT NULL DEFAULT 0,
    supplement bigint NOT NULL DEFAULT 0,
    repeat     bigint NOT NULL DEFAULT 0,
    redelivery bigint NOT NULL DEFAULT 0,
    refused    bigint NOT NULL DEFAULT 0,    -- rejected, nothing kept
    noted      bigint NOT NULL DEFAULT 0,    -- rejected, but kept: of no use to a ticket
    PRIMARY KEY (day, channel, hotline)
) WITH (fillfactor = 50);

CREATE TABLE ticket (
    number      bigint PRIMARY KEY,
    version     bigint NOT NULL,
    code_hash   bytea NOT NULL,
    channel     text COLLATE "C" NOT NULL,
    hotline     text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    appellant   text COLLATE "C" NOT NULL,
    sender      text COLLATE "C",       -- in the channel's own terms, where the channel can reach them
    received_at bigint NOT NULL,
    published   boolean NOT NULL,       -- their citizen agreed
    category    text COLLATE "C",       -- of a published one
    document    text NOT NULL           -- JSON, kept as it is written
);
CREATE INDEX ticket_sender ON ticket (channel, sender, number) WHERE sender IS NOT NULL;
CREATE INDEX ticket_published ON ticket (received_at) WHERE published;

-- Repeats: the same citizen's same matter again, counted to a ticket. They have a number and a code, and no ticket.
CREATE TABLE repeat (
    number    bigint PRIMARY KEY,
    ticket    bigint NOT NULL,          -- 0: an operator has undone it
    code_hash bytea NOT NULL
);

-- The tickets of an incident, named by its first one.
CREATE TABLE member (
    incident bigint NOT NULL,
    number   bigint NOT NULL,
    citizen  text NOT NULL,
    at       bigint NOT NULL,
    PRIMARY KEY (incident, number)
);
CREATE INDEX member_number ON member (number);

-- Tickets that the repeat index has not been asked about.
CREATE TABLE unchecked (
    number bigint PRIMARY KEY
);

-- What citizens are known by, where a channel has vouched for it or for another name in the same appeal. Names are keyed
-- digests; what has no row here stands for itself.
CREATE TABLE identity (
    name    text COLLATE "C" PRIMARY KEY,
    citizen text COLLATE "C" NOT NULL,  -- the key on this citizen's tickets
    kind    text NOT NULL,
    shown   text NOT NULL,              -- masked
    proven  boolean NOT NULL,           -- a channel has vouched for it; otherwise it was named beside one that was
    channel text NOT NULL,              -- which channel said so first, in which appeal, and when
    number  bigint NOT NULL,
    at      bigint NOT NULL
);
CREATE INDEX identity_citizen ON identity (citizen);

-- Names that one citizen gave although they are another's; nothing was linked.
CREATE TABLE contested (
    name    text COLLATE "C" NOT NULL,
    citizen text COLLATE "C" NOT NULL,  -- who gave it
    number  bigint NOT NULL,            -- in which appeal first, and when
    at      bigint NOT NULL,
    PRIMARY KEY (name, citizen)
);

-- Answers on their way to citizens.
CREATE TABLE reply (
    id        bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    number    bigint NOT NULL,
    name      text COLLATE "C" NOT NULL,  -- its id in the ticket
    channel   text COLLATE "C" NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    words     text NOT NULL,
    state     text COLLATE "C" NOT NULL,
    attempts  bigint NOT NULL,
    next_at   bigint NOT NULL,          -- of a pending one: when to try (again)
    give_up   bigint NOT NULL,
    sent_as   text COLLATE "C"          -- the channel's name for it
);
CREATE INDEX reply_due ON reply (next_at, id) WHERE state = 'pending';
CREATE INDEX reply_open ON reply (number, id) WHERE state IN ('pending', 'sending');
CREATE INDEX reply_sending ON reply (id) WHERE state = 'sending';
CREATE INDEX reply_awaited ON reply (next_at) WHERE state = 'sent';
-- Whether somebody has had a receipt by a message of its own lately.
CREATE INDEX reply_receipt ON reply (channel, recipient, give_up) WHERE name = 'receipt';
CREATE INDEX reply_sent ON reply (channel, sent_as, id) WHERE sent_as IS NOT NULL;

-- Messages that a reply went out in, where their fate is reported.
CREATE TABLE reply_message (
    channel text COLLATE "C" NOT NULL,
    sent_as text COLLATE "C" NOT NULL,  -- the channel's name for it
    reply   bigint NOT NULL,
    fate    text,                       -- empty: it arrived; otherwise why not
    PRIMARY KEY (channel, sent_as)
);
CREATE INDEX reply_message_of ON reply_message (reply);

-- Photos and recordings that channels still have.
CREATE TABLE media (
    number   bigint NOT NULL,
    file     text COLLATE "C" NOT NULL, -- its id in the ticket
    channel  text NOT NULL,
    source   text NOT NULL,             -- the channel's name for it
    state    text COLLATE "C" NOT NULL,
    attempts bigint NOT NULL,
    next_at  bigint NOT NULL,
    PRIMARY KEY (number, file)
);
CREATE INDEX media_due ON media (next_at, number) WHERE state = 'pending';

-- Senders who cannot be written to any more.
CREATE TABLE unreachable (
    channel text COLLATE "C" NOT NULL,
    sender  text COLLATE "C" NOT NULL,
    since   bigint NOT NULL,
    PRIMARY KEY (channel, sender)
);

-- What the core has told us, so that it can say so twice.
CREATE TABLE core_update (
    number  bigint NOT NULL,
    id      text COLLATE "C" NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (number, id)
);

-- The log that the core, the subscribers and the feed read, each at its own cursor.
CREATE TABLE event (
    sequence bigint PRIMARY KEY,
    id       text NOT NULL,
    kind     text NOT NULL,
    number   bigint NOT NULL,
    body     bytea NOT NULL
);

CREATE TABLE destination (
    name   text COLLATE "C" PRIMARY KEY,
    cursor bigint NOT NULL,
    ahead  text NOT NULL                -- JSON array of [first, last]
) WITH (fillfactor = 50);

CREATE TABLE dead_letter (
    destination text COLLATE "C" NOT NULL,
    sequence    bigint NOT NULL,
    reason      text NOT NULL,
    attempts    bigint NOT NULL,
    at          bigint NOT NULL,
    state       text COLLATE "C" NOT NULL CHECK (state IN ('dead', 'queued', 'delivered')),
    PRIMARY KEY (destination, sequence)
);

-- Who looked at whose data.
CREATE TABLE audit (
    id     bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at     bigint NOT NULL,
    who    text NOT NULL,
    action text NOT NULL,
    number bigint NOT NULL
);

-- Channels and destinations that an operator has stopped.
CREATE TABLE paused_channel (
    id text COLLATE "C" PRIMARY KEY
);
CREATE TABLE paused_destination (
    name  text COLLATE "C" PRIMARY KEY,
    since bigint NOT NULL
);

-- What comparisons with old systems found.
CREATE TABLE parity (
    id            bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    line          text COLLATE "C" NOT NULL,
    first         bigint NOT NULL,      -- local days, YYYYMMDD
    last          bigint NOT NULL,
    at            bigint NOT NULL,
    file          text NOT NULL,
    matched       bigint NOT NULL,
    different     bigint NOT NULL,
    missing_here  bigint NOT NULL,
    missing_there bigint NOT NULL
);
CREATE INDEX parity_line ON parity (line, id);

-- Days that are over: what became of everything received, and the hash of that and of the day before.
CREATE TABLE closed_day (
    day      bigint PRIMARY KEY,
    previous bytea NOT NULL,
    hash     bytea NOT NULL,
    record   text NOT NULL              -- JSON, hashed as it stands
);

-- Work that one node at a time does.
CREATE TABLE lease (
    resource text COLLATE "C" PRIMARY KEY,
    holder   text COLLATE "C" NOT NULL,
    fence    bigint NOT NULL,
    until    bigint NOT NULL            -- by this server's clock
) WITH (fillfactor = 50);
