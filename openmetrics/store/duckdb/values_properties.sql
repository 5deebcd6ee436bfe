-- PERF: most events share their list of kinds with many others, which is read once for all of them.
WITH alike AS (SELECT kinds, count(*) AS events FROM event WHERE {where} GROUP BY kinds),
entries AS (SELECT unnest({kinds}) AS entry, events FROM alike),
named AS (
    SELECT split_part(entry, chr(1), -1) AS kind, left(entry, len(entry) - len(kind) - 1) AS name, events FROM entries
)
SELECT name, CAST(sum(events) AS BIGINT) AS total, NULL, list(DISTINCT kind ORDER BY kind)
FROM named
WHERE name <> '' AND starts_with(name, $prefix)
    AND NOT starts_with(name, 'fields' || chr(1)) AND NOT starts_with(name, 'context' || chr(1))
GROUP BY name ORDER BY total DESC, name LIMIT $rows
