"""Find a name by any of its words in order, an address by what stands before its numbers, common words at once.

Names: B-trees on the folded name from its first, second, third and fourth word on; a walk along one of them ends
at the limit, however common the words are. Addresses: "xóm 5" is one word (`xom5`) beside its two parts, so that
it need not be put together from all xóm and all fives. What is left, words in any order, goes to GIN through
`customers_by_words`, which looks at a sample first: words that are common together are answered from it, and the
sample tells whether the words or the last one's beginning are the rarer, which alone is then looked up.
"""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models

import thapsang.domain.customers.models

FROM_WORD = """
CREATE FUNCTION thapsang_from_word(text, integer) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_to_string((string_to_array(thapsang_fold($1), ' '))[$2:], ' ');
"""
PLACE_WORDS = r"""
CREATE FUNCTION thapsang_place_words(text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_tsvector('simple'::regconfig,
    regexp_replace(thapsang_fold($1), '([a-z]+) +([0-9]+)', '\1 \2 \1\2', 'g'));
"""
NAMED = """
CREATE FUNCTION customers_named(folded text, enough integer, most integer)
RETURNS TABLE (id bigint, name varchar, walk integer) LANGUAGE plpgsql STABLE
-- Walks along the indexes and nothing else: rows come in the order of the index, and end at the limit.
SET enable_seqscan = off SET enable_bitmapscan = off SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    beyond text := folded || chr(1114111);
    rows_found integer := 0;
    this_walk integer;
BEGIN
    FOR walk_number IN 1..4 LOOP
        IF walk_number = 1 THEN
            RETURN QUERY SELECT c.id, c.name, 1 FROM customers_customer c
                WHERE thapsang_fold(c.name) ~>=~ folded AND thapsang_fold(c.name) ~<~ beyond LIMIT most;
        ELSIF walk_number = 2 THEN
            RETURN QUERY SELECT c.id, c.name, 2 FROM customers_customer c
                WHERE thapsang_from_word(c.name, 2) ~>=~ folded AND thapsang_from_word(c.name, 2) ~<~ beyond LIMIT most;
        ELSIF walk_number = 3 THEN
            RETURN QUERY SELECT c.id, c.name, 3 FROM customers_customer c
                WHERE thapsang_from_word(c.name, 3) ~>=~ folded AND thapsang_from_word(c.name, 3) ~<~ beyond LIMIT most;
        ELSE
            RETURN QUERY SELECT c.id, c.name, 4 FROM customers_customer c
                WHERE thapsang_from_word(c.name, 4) ~>=~ folded AND thapsang_from_word(c.name, 4) ~<~ beyond LIMIT most;
        END IF;
        GET DIAGNOSTICS this_walk = ROW_COUNT;
        rows_found := rows_found + this_walk;
        EXIT WHEN rows_found >= enough;
    END LOOP;
END $$;
"""
BY_WORDS = """
CREATE FUNCTION customers_by_words(
    place regclass, rest tsquery, last text, shortest integer, commune bigint, enough integer, most integer
) RETURNS SETOF bigint LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
    sample text := format('FROM (SELECT id, search FROM %s ORDER BY id LIMIT 2000) sample', place);
    ending tsquery := last::tsquery;
    every tsquery := coalesce(rest && ending, ending);
    found bigint[];
    with_rest bigint;
    with_ending bigint;
BEGIN
    EXECUTE 'SELECT array_agg(id) FILTER (WHERE search @@ $1), count(*) FILTER (WHERE search @@ $2),
                    count(*) FILTER (WHERE search @@ $3) ' || sample
        INTO found, with_rest, with_ending USING every, rest, ending;
    -- A last word that nobody bears is the beginning of one.
    IF with_ending = 0 AND length(last) >= shortest AND last !~ '[0-9]' THEN
        ending := (last || ':*')::tsquery;
        every := coalesce(rest && ending, ending);
        EXECUTE 'SELECT array_agg(id) FILTER (WHERE search @@ $1), count(*) FILTER (WHERE search @@ $2) ' || sample
            INTO found, with_ending USING every, ending;
    END IF;
    IF commune IS NOT NULL THEN
        RETURN QUERY EXECUTE format('SELECT id FROM %s WHERE search @@ $1 AND commune_id = $2 LIMIT $3', place)
            USING every, commune, most;
    ELSIF cardinality(found) >= enough THEN
        RETURN QUERY SELECT unnest(found) LIMIT most;
    ELSIF with_ending > with_rest AND every::text LIKE '%:*' AND rest IS NOT NULL THEN
        -- The function form of @@ is no index condition: a common beginning is looked at in the rows found.
        RETURN QUERY EXECUTE format('SELECT id FROM %s WHERE search @@ $1 AND ts_match_vq(search, $2) LIMIT $3', place)
            USING rest, ending, most;
    ELSE
        RETURN QUERY EXECUTE format('SELECT id FROM %s WHERE search @@ $1 LIMIT $2', place) USING every, most;
    END IF;
END $$;
DROP FUNCTION customers_premises_by_words(tsquery, bigint, integer);
"""


def from_word(number: int) -> migrations.AddIndex:
    first = thapsang.domain.customers.models.FromWord("name", number)
    return migrations.AddIndex(
        model_name="customer",
        index=models.Index(
            django.contrib.postgres.indexes.OpClass(first, name="text_pattern_ops"),
            "id",
            name=f"customer_from_word_{number}",
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("customers", "0003_address_search")]

    operations = [
        migrations.RunSQL(FROM_WORD, "DROP FUNCTION thapsang_from_word(text, integer)"),
        migrations.RunSQL(PLACE_WORDS, "DROP FUNCTION thapsang_place_words(text)"),
        migrations.RunSQL(BY_WORDS, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="customer", name="customer_folded_name"),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                django.contrib.postgres.indexes.OpClass(
                    thapsang.domain.customers.models.Fold("name"), name="text_pattern_ops"
                ),
                "id",
                name="customer_folded_name",
            ),
        ),
        from_word(2),
        from_word(3),
        from_word(4),
        migrations.RunSQL(NAMED, "DROP FUNCTION customers_named(text, integer, integer)"),
        migrations.RemoveIndex(model_name="premises", name="premises_search"),
        migrations.RemoveField(model_name="premises", name="search"),
        migrations.AddField(
            model_name="premises",
            name="search",
            field=models.GeneratedField(
                db_persist=True,
                expression=thapsang.domain.customers.models.PlaceWords("address"),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
        migrations.AddIndex(
            model_name="premises",
            index=django.contrib.postgres.indexes.GinIndex(fields=["search"], name="premises_search"),
        ),
    ]
