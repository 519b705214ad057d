-- What need not wait, in its order, however many others wait.
CREATE INDEX pending_ready ON pending (message, due) WHERE due <= 0;

-- What waits, by the end of its time. The condition is written so that it is no bound of a search in the index, which has
-- one of its own.
DROP INDEX pending_due;
CREATE INDEX pending_waiting ON pending (due, message) WHERE (due > 0) = 1;
