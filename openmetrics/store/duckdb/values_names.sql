SELECT name, count(*) AS events, max(time), []
FROM event WHERE {where} AND starts_with(name, $prefix)
GROUP BY name ORDER BY events DESC, name LIMIT $rows
