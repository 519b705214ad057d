-- Nearly everybody is known by one name, which is also their key: those rows are found by it, and need no second entry on a
-- page of its own.
DROP INDEX identity_citizen;
CREATE INDEX identity_citizen ON identity (citizen) WHERE citizen <> name;
