-- Messages that were added to a ticket under a number of their own, by which their citizens may ask.
CREATE TABLE addition (
    number INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL,
    kind   TEXT NOT NULL               -- of the event that told of it
) STRICT;
