"""The database's own guards: journals balance at commit, entries are never changed, accounts never vanish."""

from django.db import migrations

KEYS = """
-- One index tells entries apart and finds those of a journal. Ids are taken a hundred at a time: they tell apart,
-- they do not tell the time (journals do).
ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_pkey, ADD PRIMARY KEY (journal_id, id),
    ALTER COLUMN id SET CACHE 100;
"""

ONE_KEY = """
ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_pkey, ADD PRIMARY KEY (id), ALTER COLUMN id SET CACHE 1;
"""

GUARDS = """
-- A name of the running transaction that no other transaction bears, even after a dump into a new cluster.
CREATE FUNCTION ledger_this_transaction() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_hex(pg_current_xact_id()::text::bigint) || '@' || to_hex((extract(epoch FROM now()) * 1000000)::bigint)
$$;

CREATE FUNCTION ledger_stamp_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_in := ledger_this_transaction();
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_journal_stamped BEFORE INSERT ON ledger_journal
    FOR EACH ROW EXECUTE FUNCTION ledger_stamp_journal();

-- At commit: the journal's entries sum to zero and are two or more.
CREATE FUNCTION ledger_check_journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entries bigint;
    balance numeric;
BEGIN
    SELECT count(*), coalesce(sum(amount), 0) INTO entries, balance FROM ledger_entry WHERE journal_id = NEW.id;
    IF entries < 2 OR balance <> 0 THEN
        RAISE EXCEPTION 'Journal % does not balance: % entries, sum %.', NEW.reference, entries, balance
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'Debits (positive) and credits (negative) of a journal sum to zero; it has two entries or more.';
    END IF;
    PERFORM set_config('thapsang.ledger_checked', ledger_this_transaction(), true);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_journal_balances AFTER INSERT ON ledger_journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_journal();

-- A whole statement's entries at once: their journals were made in this transaction, their accounts exist.
CREATE FUNCTION ledger_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    IF current_setting('thapsang.ledger_checked', true) = ledger_this_transaction() THEN
        RAISE EXCEPTION 'This transaction''s journals have been checked already: no entry may join them.'
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'Do not make constraints immediate before the last entry is in.';
    END IF;
    SELECT f.journal_id INTO wrong
        FROM (SELECT DISTINCT journal_id FROM fresh) f LEFT JOIN ledger_journal j ON j.id = f.journal_id
        WHERE j.created_in IS DISTINCT FROM ledger_this_transaction() LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Journal % is closed or unknown: an entry may only join a journal of its own transaction.', wrong
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'Correct a posting by a new journal; what is posted stays.';
    END IF;
    SELECT f.account_id INTO wrong FROM fresh f
        WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.id = f.account_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Ledger account % does not exist.', wrong
            USING ERRCODE = 'foreign_key_violation', HINT = 'Open the account first.';
    END IF;
    RETURN NULL;
END $$;
-- Nested loops keep the index on accounts: a book touches a sliver of a million of them.
ALTER FUNCTION ledger_check_entries() SET enable_hashjoin = off;
CREATE TRIGGER ledger_entries_belong AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_entries();

CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The ledger only grows: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Post a new journal that corrects the old one.';
END $$;
CREATE TRIGGER ledger_journal_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_journal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_entry_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_account_kept BEFORE DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_account_same BEFORE UPDATE ON ledger_account
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION ledger_refuse();
"""

UNGUARDED = """
DROP TRIGGER ledger_account_same ON ledger_account;
DROP TRIGGER ledger_account_kept ON ledger_account;
DROP TRIGGER ledger_entry_kept ON ledger_entry;
DROP TRIGGER ledger_journal_kept ON ledger_journal;
DROP TRIGGER ledger_entries_belong ON ledger_entry;
DROP TRIGGER ledger_journal_balances ON ledger_journal;
DROP TRIGGER ledger_journal_stamped ON ledger_journal;
DROP FUNCTION ledger_refuse();
DROP FUNCTION ledger_check_entries();
DROP FUNCTION ledger_check_journal();
DROP FUNCTION ledger_stamp_journal();
DROP FUNCTION ledger_this_transaction();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_tables")]

    operations = [migrations.RunSQL(KEYS, ONE_KEY), migrations.RunSQL(GUARDS, UNGUARDED)]
