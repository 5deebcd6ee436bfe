-- PERF: equal lists are taken apart once for all events that hold them.
WITH alike AS (SELECT {key} AS key, count(*) AS events FROM event WHERE {where} GROUP BY key)
SELECT text, CAST(sum(events) AS BIGINT) AS total, NULL, []
FROM (SELECT unnest(list_distinct({texts})) AS text, events FROM alike)
WHERE starts_with(text, $prefix)
GROUP BY text ORDER BY total DESC, text LIMIT $rows
