DELETE FROM fact
WHERE kind <> 'tombstone'
    AND received <= $until
    AND (
        user_id IN (SELECT unnest($users::VARCHAR[]))
        OR other IN (SELECT unnest($users::VARCHAR[]))
        OR (user_id IS NULL AND other IS NULL AND session_id IN (SELECT unnest($sessions::VARCHAR[])))
    )
