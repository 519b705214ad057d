-- Messages that made no ticket although their senders have a number, by which they may ask.
CREATE TABLE noted (
    number      bigint PRIMARY KEY,
    ticket      bigint NOT NULL,       -- that it was about; 0: none
    received_at bigint NOT NULL,
    what        text NOT NULL          -- it was
);
