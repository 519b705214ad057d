-- What citizens agreed to publish, newest first. In a ticket's JSON these letters can only be the field itself: in a text
-- its quotes would be escaped.
CREATE INDEX ticket_published ON ticket (received_at) WHERE instr(document, '"publish":true') > 0;
