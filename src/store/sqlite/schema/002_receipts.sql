-- Whether somebody has had a receipt by a message of its own lately.
CREATE INDEX reply_receipt ON reply (channel, recipient, give_up) WHERE name = 'receipt';
