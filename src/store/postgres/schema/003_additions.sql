-- Messages that were added to a ticket under a number of their own, by which their citizens may ask.
CREATE TABLE addition (
    number bigint PRIMARY KEY,
    ticket bigint NOT NULL,
    kind   text NOT NULL
);
