-- Runs of pipelines: what DBOS does not keep. Times are nanoseconds since the epoch.

-- name: create_table
CREATE TABLE IF NOT EXISTS quarterdeck_runs (
    id TEXT PRIMARY KEY,
    pipeline TEXT NOT NULL,
    version TEXT NOT NULL,
    file TEXT NOT NULL,
    source TEXT NOT NULL,
    inputs TEXT NOT NULL,
    steps_total INTEGER NOT NULL,
    status TEXT NOT NULL,
    pending TEXT NOT NULL DEFAULT '',
    current_step TEXT NOT NULL DEFAULT '',
    steps_done INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    error_type TEXT NOT NULL DEFAULT '',
    output TEXT NOT NULL DEFAULT 'null',
    created_ns BIGINT NOT NULL,
    started_ns BIGINT NOT NULL DEFAULT 0,
    completed_ns BIGINT NOT NULL DEFAULT 0,
    announced INTEGER NOT NULL DEFAULT 0,
    kind TEXT NOT NULL DEFAULT 'yaml',
    options TEXT NOT NULL DEFAULT '{}',
    engine TEXT NOT NULL DEFAULT 'engine-1',
    owner TEXT NOT NULL DEFAULT '',
    takeovers INTEGER NOT NULL DEFAULT 0
)

-- name: add_kind
ALTER TABLE quarterdeck_runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'yaml'

-- name: add_options
ALTER TABLE quarterdeck_runs ADD COLUMN options TEXT NOT NULL DEFAULT '{}'

-- name: add_engine
ALTER TABLE quarterdeck_runs ADD COLUMN engine TEXT NOT NULL DEFAULT 'engine-1'

-- name: add_owner
ALTER TABLE quarterdeck_runs ADD COLUMN owner TEXT NOT NULL DEFAULT ''

-- name: add_takeovers
ALTER TABLE quarterdeck_runs ADD COLUMN takeovers INTEGER NOT NULL DEFAULT 0

-- name: create_index
CREATE INDEX IF NOT EXISTS quarterdeck_runs_created ON quarterdeck_runs (created_ns)

-- name: create_open_index
CREATE INDEX IF NOT EXISTS quarterdeck_runs_open ON quarterdeck_runs (created_ns) WHERE announced = 0

-- name: create_reused
CREATE TABLE IF NOT EXISTS quarterdeck_reused (
    run_id TEXT NOT NULL,
    step TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (run_id, step)
)

-- name: insert
INSERT INTO quarterdeck_runs
    (id, pipeline, version, file, source, inputs, steps_total, status, created_ns, kind, options, engine, owner)
VALUES
    (:id, :pipeline, :version, :file, :source, :inputs, :steps_total, 'waiting', :created_ns, :kind, :options, :engine,
     :owner)

-- name: insert_reused
INSERT INTO quarterdeck_reused (run_id, step, record) VALUES (:id, :step, :record)

-- name: reused
SELECT step, record FROM quarterdeck_reused WHERE run_id = :id

-- name: get
SELECT * FROM quarterdeck_runs WHERE id = :id

-- name: newest
SELECT * FROM quarterdeck_runs WHERE created_ns < :created_ns OR (created_ns = :created_ns AND id < :id)
ORDER BY created_ns DESC, id DESC LIMIT :limit

-- name: active
SELECT * FROM quarterdeck_runs WHERE status IN ('waiting', 'running', 'paused') AND (created_ns < :created_ns OR (created_ns = :created_ns AND id < :id))
ORDER BY created_ns DESC, id DESC LIMIT :limit

-- name: unannounced
SELECT * FROM quarterdeck_runs WHERE announced = 0 ORDER BY created_ns

-- name: unannounced_of
SELECT * FROM quarterdeck_runs WHERE announced = 0 AND owner = :owner ORDER BY created_ns

-- name: owned
SELECT id FROM quarterdeck_runs WHERE announced = 0 AND owner = :owner

-- name: begin
UPDATE quarterdeck_runs
SET status = CASE WHEN status = 'waiting' THEN 'running' ELSE status END, owner = :owner,
    started_ns = CASE WHEN started_ns = 0 AND status = 'waiting' THEN :now ELSE started_ns END
WHERE id = :id AND status IN ('waiting', 'running', 'paused')

-- name: step_begins
UPDATE quarterdeck_runs
SET current_step = :step, takeovers = CASE WHEN steps_done < :done THEN 0 ELSE takeovers END, steps_done = :done
WHERE id = :id AND status = 'running' AND pending = ''

-- name: step_noted
UPDATE quarterdeck_runs SET current_step = :step WHERE id = :id AND status = 'running'

-- name: ask_pause
UPDATE quarterdeck_runs SET pending = 'pause' WHERE id = :id AND status = 'running' AND pending = ''

-- name: pause_waiting
UPDATE quarterdeck_runs SET status = 'paused' WHERE id = :id AND status = 'waiting'

-- name: take_pause
UPDATE quarterdeck_runs SET status = 'paused', pending = '', current_step = '', steps_done = :done
WHERE id = :id AND status = 'running' AND pending = 'pause'

-- name: pause_inside
UPDATE quarterdeck_runs SET status = 'paused', pending = ''
WHERE id = :id AND status = 'running' AND pending = 'pause'

-- name: resume_inside
UPDATE quarterdeck_runs SET status = 'running' WHERE id = :id AND status = 'paused'

-- name: withdraw_pause
UPDATE quarterdeck_runs SET pending = '' WHERE id = :id AND status = 'running' AND pending = 'pause'

-- name: resume
UPDATE quarterdeck_runs SET status = 'waiting' WHERE id = :id AND status = 'paused'

-- name: cancel
UPDATE quarterdeck_runs SET status = 'cancelled', pending = '', current_step = '', completed_ns = :now, owner = :owner
WHERE id = :id AND status IN ('waiting', 'running', 'paused')

-- name: finish
UPDATE quarterdeck_runs
SET status = :status, pending = '', current_step = '', steps_done = :done, error = :error, error_type = :error_type,
    output = :output, completed_ns = :now
WHERE id = :id AND status = 'running'

-- name: mark_announced
UPDATE quarterdeck_runs SET announced = 1 WHERE id = :id

-- name: take_over
UPDATE quarterdeck_runs SET owner = :owner, takeovers = takeovers + :deaths
WHERE id = :id AND owner = :dead AND announced = 0

-- name: count_deaths
UPDATE quarterdeck_runs SET takeovers = takeovers + 1 WHERE status = 'running' AND owner <> ''

-- name: release
UPDATE quarterdeck_runs SET owner = '' WHERE owner = :owner AND announced = 0
