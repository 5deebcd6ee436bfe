INSERT INTO partition
SELECT kind, period, uuid() FROM (
    SELECT DISTINCT 'event' AS kind, period FROM event WHERE seq >= $first
    UNION ALL
    SELECT DISTINCT kind, 0 FROM fact WHERE seq >= $first
) ANTI JOIN partition USING (kind, period)
