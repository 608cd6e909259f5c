-- Why attempts were lost, what was charged to whom, and which artifacts were cleared away.

ALTER TABLE attempts ADD COLUMN cause TEXT;         -- why it ended without its outcome: preempted, signal, oom_host, ... (docs/failures.md); NULL if it did not
ALTER TABLE attempts ADD COLUMN started INTEGER;    -- 0: it had only waited at its rank; NULL while it runs
ALTER TABLE attempt_stages ADD COLUMN position INTEGER NOT NULL DEFAULT 0;  -- in the order of the job, from 0
ALTER TABLE stages ADD COLUMN failure_cause TEXT;   -- of a failed stage: the cause that used up its budget
ALTER TABLE stages ADD COLUMN artifact_removed_at REAL;  -- seconds since 1970, when `espalier gc` removed its artifact; NULL if it is there

CREATE TABLE failures (
  -- A failure that was charged to a stage, with its evidence. The last of a quarantined stage says so.
  id INTEGER PRIMARY KEY,
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  attempt INTEGER NOT NULL,
  failed_at REAL NOT NULL,        -- seconds since 1970
  cause TEXT NOT NULL,
  signal INTEGER,                 -- that ended the process; NULL if none is known
  exit_code INTEGER,              -- of the process; NULL if none is known
  host TEXT NOT NULL,             -- '' if unknown
  pool TEXT NOT NULL,
  rank INTEGER NOT NULL,
  message TEXT NOT NULL,          -- for people
  log TEXT NOT NULL,              -- the last lines of the worker's log
  backtrace TEXT NOT NULL,        -- '' if there is none
  quarantined INTEGER NOT NULL    -- 1: this one used up the budget
) STRICT;
CREATE INDEX failures_by_stage ON failures (stage_id);
