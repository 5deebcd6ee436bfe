INSERT INTO fact
SELECT
    nextval('fact_seq'), kind, id, time, received, user_id, session_id, user_key, session_key, explicit, target, op,
    other, number, user_ids, session_ids, raw
FROM read_json($file, format = 'newline_delimited', maximum_object_size = $longest, columns = {
    kind: 'VARCHAR', id: 'VARCHAR', time: 'BIGINT', received: 'BIGINT', user_id: 'VARCHAR', session_id: 'VARCHAR',
    user_key: 'BIGINT', session_key: 'BIGINT', explicit: 'BOOLEAN', target: 'VARCHAR', op: 'VARCHAR',
    other: 'VARCHAR', number: 'BIGINT', user_ids: 'VARCHAR[]', session_ids: 'VARCHAR[]', raw: 'VARCHAR'
})
