INSERT INTO event
SELECT
    nextval('fact_seq'),
    CASE WHEN time < 946684800000 THEN 0
         ELSE year(make_timestamp_ms(time)) * 100 + month(make_timestamp_ms(time)) END,
    md5_number_lower(id),
    id, time, received, name, user_id, session_id, source, user_key, session_key, value, value_num,
    CASE WHEN kinds IS NULL OR NOT (starts_with(kinds, '["\u0001list"') OR contains(kinds, ',"\u0001list"'))
         THEN CAST(json_extract(value_num, '/0') AS DOUBLE) END,
    active, props, num, has, kinds, fields, context, raw
FROM read_json($file, format = 'newline_delimited', maximum_object_size = $longest, columns = {
    id: 'VARCHAR', time: 'BIGINT', received: 'BIGINT', name: 'VARCHAR', user_id: 'VARCHAR', session_id: 'VARCHAR',
    source: 'VARCHAR', user_key: 'BIGINT', session_key: 'BIGINT', value: 'JSON', value_num: 'JSON',
    active: 'BOOLEAN', props: 'JSON', num: 'JSON', has: 'JSON', kinds: 'JSON', fields: 'JSON', context: 'JSON',
    raw: 'VARCHAR'
})
