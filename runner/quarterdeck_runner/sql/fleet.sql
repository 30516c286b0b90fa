-- The runners that share a Postgres database, and when each was last heard of. The clock is the database's.

-- name: create_table
CREATE TABLE IF NOT EXISTS quarterdeck_runners (
    id TEXT PRIMARY KEY,
    engine TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    beat_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    stopped BOOLEAN NOT NULL DEFAULT FALSE,
    claimed_by TEXT NOT NULL DEFAULT '',
    claimed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
)

-- name: beat
INSERT INTO quarterdeck_runners (id, engine) VALUES (:id, :engine)
ON CONFLICT (id) DO UPDATE SET beat_at = clock_timestamp(), claimed_by = ''

-- name: stop
UPDATE quarterdeck_runners SET stopped = TRUE WHERE id = :id

-- name: gone
SELECT id, stopped FROM quarterdeck_runners
WHERE id <> :me AND (stopped OR beat_at < clock_timestamp() - make_interval(secs => :silence))
    AND (claimed_by = '' OR claimed_at < clock_timestamp() - make_interval(secs => :silence))

-- name: claim
UPDATE quarterdeck_runners SET claimed_by = :me, claimed_at = clock_timestamp()
WHERE id = :id AND (stopped OR beat_at < clock_timestamp() - make_interval(secs => :silence))
    AND (claimed_by = '' OR claimed_at < clock_timestamp() - make_interval(secs => :silence))

-- name: forget
DELETE FROM quarterdeck_runners WHERE id = :id AND claimed_by = :me

-- name: engines
SELECT DISTINCT engine FROM quarterdeck_runners
WHERE NOT stopped AND beat_at >= clock_timestamp() - make_interval(secs => :silence)
