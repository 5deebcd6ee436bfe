WITH page AS (
    SELECT rowid AS place FROM event WHERE {where} ORDER BY {order} LIMIT $rows
)
SELECT id, time, received, name, user_id, session_id, source, active, raw
FROM event WHERE rowid IN (SELECT place FROM page) ORDER BY {order}
