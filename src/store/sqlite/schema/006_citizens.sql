-- What citizens are known by, where a channel has vouched for it or for another name in the same appeal. Names are keyed
-- digests; what has no row here stands for itself.
CREATE TABLE identity (
    name    TEXT PRIMARY KEY,
    citizen TEXT NOT NULL,              -- the key on this citizen's tickets
    kind    TEXT NOT NULL,
    shown   TEXT NOT NULL,              -- masked
    proven  INTEGER NOT NULL,           -- 1: a channel has vouched for it; 0: it was named beside one that was vouched for
    channel TEXT NOT NULL,              -- which channel said so first, in which appeal, and when
    number  INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_citizen ON identity (citizen);

-- Names that one citizen gave although they are another's; nothing was linked.
CREATE TABLE contested (
    name    TEXT NOT NULL,
    citizen TEXT NOT NULL,              -- who gave it
    number  INTEGER NOT NULL,           -- in which appeal first, and when
    at      INTEGER NOT NULL,
    PRIMARY KEY (name, citizen)
) STRICT, WITHOUT ROWID;
