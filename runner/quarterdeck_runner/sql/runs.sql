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
    announced INTEGER NOT NULL DEFAULT 0
)

-- name: create_index
CREATE INDEX IF NOT EXISTS quarterdeck_runs_created ON quarterdeck_runs (created_ns)

-- name: insert
INSERT INTO quarterdeck_runs (id, pipeline, version, file, source, inputs, steps_total, status, created_ns)
VALUES (:id, :pipeline, :version, :file, :source, :inputs, :steps_total, 'waiting', :created_ns)

-- name: get
SELECT * FROM quarterdeck_runs WHERE id = :id

-- name: newest
SELECT * FROM quarterdeck_runs ORDER BY created_ns DESC, id DESC LIMIT :limit

-- name: active
SELECT * FROM quarterdeck_runs WHERE status IN ('waiting', 'running', 'paused')
ORDER BY created_ns DESC, id DESC LIMIT :limit

-- name: unannounced
SELECT * FROM quarterdeck_runs WHERE announced = 0 ORDER BY created_ns

-- name: begin
UPDATE quarterdeck_runs
SET status = 'running', started_ns = CASE WHEN started_ns = 0 THEN :now ELSE started_ns END
WHERE id = :id AND status = 'waiting'

-- name: step_begins
UPDATE quarterdeck_runs SET current_step = :step, steps_done = :done WHERE id = :id AND status = 'running'

-- name: ask_pause
UPDATE quarterdeck_runs SET pending = 'pause' WHERE id = :id AND status = 'running' AND pending = ''

-- name: pause_waiting
UPDATE quarterdeck_runs SET status = 'paused' WHERE id = :id AND status = 'waiting'

-- name: take_pause
UPDATE quarterdeck_runs SET status = 'paused', pending = '', current_step = '', steps_done = :done
WHERE id = :id AND status = 'running' AND pending = 'pause'

-- name: withdraw_pause
UPDATE quarterdeck_runs SET pending = '' WHERE id = :id AND status = 'running' AND pending = 'pause'

-- name: resume
UPDATE quarterdeck_runs SET status = 'waiting' WHERE id = :id AND status = 'paused'

-- name: cancel
UPDATE quarterdeck_runs SET status = 'cancelled', pending = '', current_step = '', completed_ns = :now
WHERE id = :id AND status IN ('waiting', 'running', 'paused')

-- name: finish
UPDATE quarterdeck_runs
SET status = :status, pending = '', current_step = '', steps_done = :done, error = :error, error_type = :error_type,
    output = :output, completed_ns = :now
WHERE id = :id AND status = 'running'

-- name: mark_announced
UPDATE quarterdeck_runs SET announced = 1 WHERE id = :id
