-- The store's first schema. docs/store.md explains it; comments inside the statements are kept by SQLite and show in `.schema`.
-- In WITHOUT ROWID tables the columns of the primary key come first and in its order: quick_check of SQLite 3.40 finds NULLs
-- that are not there otherwise.
-- Times are seconds since 1970 (UTC). Fractions (accuracy, sparsity) are in [0, 1]. NULL where a number is not a number.

CREATE TABLE store_info (
  -- One row about the store itself.
  id INTEGER PRIMARY KEY CHECK (id = 1),
  generation INTEGER NOT NULL,    -- raised at every opening; the high 32 bits of attempt numbers
  created_at REAL NOT NULL        -- seconds since 1970
) STRICT;

CREATE TABLE environments (
  -- What could make numbers or times differ: machine, libraries, build.
  id INTEGER PRIMARY KEY,
  json TEXT NOT NULL UNIQUE CHECK (json_valid(json)),
  host TEXT GENERATED ALWAYS AS (json ->> '$.host') VIRTUAL
) STRICT;

CREATE TABLE models (
  -- A network at one input shape and number of classes.
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  channels INTEGER NOT NULL,      -- of one example
  height INTEGER NOT NULL,        -- pixels
  width INTEGER NOT NULL,         -- pixels
  classes INTEGER NOT NULL,
  parameters INTEGER NOT NULL,    -- all of them, biases too
  prunable INTEGER NOT NULL,      -- weights of linear and convolutional layers
  madds INTEGER NOT NULL,         -- multiply-adds of one example through the dense network
  UNIQUE (name, channels, height, width, classes)
) STRICT;

CREATE TABLE model_layers (
  -- The layers whose weights can be pruned.
  model_id INTEGER NOT NULL REFERENCES models (id),
  layer TEXT NOT NULL,
  position INTEGER NOT NULL,      -- in the order of the model, from 0
  weights INTEGER NOT NULL,
  madds INTEGER NOT NULL,         -- multiply-adds of one example through the dense layer, bias not counted
  PRIMARY KEY (model_id, layer)
) STRICT, WITHOUT ROWID;

CREATE TABLE sweeps (
  -- Another spec under a known name is another edition; the newest recorded one bears the plain name as its label.
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  edition INTEGER NOT NULL,       -- 1, 2, ... among the sweeps of this name
  label TEXT NOT NULL UNIQUE,     -- "mnist-curves", or "mnist-curves@1" for an edition that is not the newest
  spec_sha256 TEXT NOT NULL UNIQUE,  -- of the name, the trials' keys and the stages' keys
  yaml TEXT NOT NULL,             -- as it was read, and a line "# --set KEY=VALUE" for each override
  state TEXT NOT NULL DEFAULT 'waiting'
    CHECK (state IN ('waiting', 'running', 'finished', 'stopped', 'cancelled', 'failed')),
  created_at REAL NOT NULL,       -- seconds since 1970
  changed_at REAL NOT NULL,       -- seconds since 1970, of the last change of state
  UNIQUE (name, edition)
) STRICT;

CREATE TABLE specs (
  -- What a stage is told; stages that differ only in seed and inputs share one.
  id INTEGER PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE stages (
  -- The unit of work and of reuse.
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,       -- SHA-256, 64 hexadecimal digits
  kind TEXT NOT NULL,             -- init, train, prune, shuffle, evaluate, noop
  seed INTEGER NOT NULL,          -- 64 bits, shown signed
  spec_id INTEGER NOT NULL REFERENCES specs (id),
  label TEXT NOT NULL,            -- for people
  resume_from INTEGER REFERENCES stages (id),  -- train: an earlier cut of the same trajectory
  cost REAL NOT NULL,             -- predicted work after resume_from, multiply-adds
  planned_steps INTEGER NOT NULL, -- optimizer steps after resume_from
  -- not IN, for which SQLite makes a table each time a state changes
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state = 'waiting' OR state = 'done' OR state = 'failed'),
  attempt INTEGER,                -- the one whose outcome this is
  environment_id INTEGER REFERENCES environments (id),
  finished_at REAL,               -- seconds since 1970
  wall_s REAL,                    -- seconds of work, those of interrupted attempts added
  steps INTEGER,                  -- train: optimizer steps from the trajectory's beginning
  diverged INTEGER,               -- train: 1 if the loss became infinite or not a number
  best_validation_loss REAL,      -- train: nats
  accuracy_best_val REAL,         -- train: test accuracy where the validation loss was least
  artifact_sha256 TEXT,           -- NULL if the stage leaves no file
  artifact_bytes INTEGER,
  failure_kind TEXT,              -- invalid_input, unavailable, exhausted, numeric, corrupt, internal
  failure_message TEXT,
  note TEXT                       -- why a stage that was done or failed waits again
) STRICT;

CREATE TABLE stage_inputs (
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  role TEXT NOT NULL,             -- weights, masks
  input_id INTEGER NOT NULL REFERENCES stages (id),
  PRIMARY KEY (stage_id, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE sweep_stages (
  sweep_id INTEGER NOT NULL REFERENCES sweeps (id),
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  PRIMARY KEY (sweep_id, stage_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE trials (
  -- One configuration with one seed.
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,       -- SHA-256, 64 hexadecimal digits
  model_id INTEGER NOT NULL REFERENCES models (id),
  seed INTEGER NOT NULL,          -- 64 bits, shown signed
  method TEXT NOT NULL,           -- "dense" for the network that is not pruned
  criterion TEXT NOT NULL,        -- "" if dense, as granularity, allocation and schedule
  granularity TEXT NOT NULL,
  allocation TEXT NOT NULL,
  schedule TEXT NOT NULL,
  rounds INTEGER NOT NULL,        -- of pruning; 0 if dense
  retrain TEXT NOT NULL,
  control TEXT NOT NULL CHECK (control IN ('none', 'random', 'shuffle', 'reinit')),
  sparsity_target REAL NOT NULL,  -- fraction of prunable weights to remove
  pruned_at_step INTEGER NOT NULL,  -- the step of the dense training whose weights were scored; 0: at initialisation
  train_steps INTEGER NOT NULL,   -- optimizer steps of all trainings behind the result, each counted once
  evaluate_stage INTEGER NOT NULL REFERENCES stages (id),
  masks_stage INTEGER REFERENCES stages (id),           -- NULL if dense
  last_train_stage INTEGER REFERENCES stages (id),
  dense_evaluate_stage INTEGER REFERENCES stages (id)   -- the dense network of the same seed and recipe
) STRICT;

CREATE TABLE sweep_trials (
  sweep_id INTEGER NOT NULL REFERENCES sweeps (id),
  trial_id INTEGER NOT NULL REFERENCES trials (id),
  position INTEGER NOT NULL,      -- in the order of expansion, from 0
  dataset TEXT NOT NULL,          -- as this sweep spells it: "mnist", "idx:DIR"
  variant TEXT NOT NULL,          -- values of the sweep's axes that have no column: "train.lr=0.01"
  PRIMARY KEY (sweep_id, trial_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE trial_stages (
  -- Every stage behind a trial's result, cuts of the same trajectory included.
  trial_id INTEGER NOT NULL REFERENCES trials (id),
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  PRIMARY KEY (trial_id, stage_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
  -- One execution of a job.
  number INTEGER PRIMARY KEY,     -- generation of the store * 2^32 + a count
  pool TEXT NOT NULL,
  rank INTEGER NOT NULL,
  environment_id INTEGER REFERENCES environments (id),
  started_at REAL NOT NULL,       -- seconds since 1970
  ended_at REAL,                  -- NULL while it runs
  how TEXT,                       -- finished, failed, interrupted, lost, cancelled
  why TEXT                        -- for people
) STRICT;
CREATE INDEX attempts_running ON attempts (number) WHERE ended_at IS NULL;

CREATE TABLE attempt_stages (
  attempt INTEGER NOT NULL REFERENCES attempts (number),
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  PRIMARY KEY (attempt, stage_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE metrics (
  -- The curves of trainings. Names: train_loss (nats, mean since the point before), validation_loss (nats),
  -- validation_accuracy, test_accuracy (where the validation loss was the least so far), lr.
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  name TEXT NOT NULL,
  step INTEGER NOT NULL,          -- optimizer steps from the trajectory's own beginning
  value REAL,                     -- NULL: not a number
  PRIMARY KEY (stage_id, name, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluations (
  -- On the test set, which chose nothing.
  stage_id INTEGER PRIMARY KEY REFERENCES stages (id),
  accuracy REAL,
  loss REAL                       -- mean cross-entropy, nats; NULL: not a number
) STRICT;

CREATE TABLE class_accuracies (
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  class INTEGER NOT NULL,
  accuracy REAL,                  -- NULL for a class without examples
  PRIMARY KEY (stage_id, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE layer_densities (
  -- What a prune or shuffle stage left of each layer: counts of weights.
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  position INTEGER NOT NULL,      -- in the order of the model, from 0
  layer TEXT NOT NULL,
  total INTEGER NOT NULL,
  requested INTEGER,              -- to keep; NULL where one ranking went over all layers
  kept INTEGER NOT NULL,
  PRIMARY KEY (stage_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE cell_statistics (
  -- Behind the view versus_random, which explains the columns; written by the coordinator as results come in.
  sweep_id INTEGER NOT NULL REFERENCES sweeps (id),
  position INTEGER NOT NULL,      -- among the sweep's cells, from 0
  dataset TEXT NOT NULL,
  model TEXT NOT NULL,
  method TEXT NOT NULL,
  criterion TEXT NOT NULL,
  granularity TEXT NOT NULL,
  allocation TEXT NOT NULL,
  schedule TEXT NOT NULL,
  rounds INTEGER NOT NULL,
  retrain TEXT NOT NULL,
  control TEXT NOT NULL,
  sparsity_target REAL NOT NULL,
  sparsity REAL NOT NULL,
  params_total REAL NOT NULL,
  params_kept REAL NOT NULL,
  madds_dense REAL NOT NULL,
  madds_effective REAL NOT NULL,
  accuracy REAL,
  loss REAL,
  accuracy_best_val REAL,
  dense_accuracy REAL,
  train_steps REAL NOT NULL,
  wall_s REAL NOT NULL,
  trial_key TEXT NOT NULL,
  seeds INTEGER NOT NULL,
  mean_accuracy REAL,
  random_mean_accuracy REAL,
  mean_difference_pp REAL,
  ci95_low_pp REAL,
  ci95_high_pp REAL,
  p_value REAL,
  variant TEXT NOT NULL,
  pruned_at_step INTEGER NOT NULL,
  p_holm REAL,
  verdict TEXT NOT NULL CHECK (verdict IN ('better', 'worse', 'inconclusive')),
  PRIMARY KEY (sweep_id, position)
) STRICT, WITHOUT ROWID;

CREATE VIEW results AS
-- One row per sweep and trial whose evaluation is done.
SELECT
  sweep, dataset, model, seed, method, criterion, granularity, allocation, schedule, rounds, retrain, control,
  sparsity_target,                                       -- fraction of prunable weights, asked for
  1.0 * pruned / prunable AS sparsity,                   -- the same, reached
  parameters AS params_total,                            -- biases too
  parameters - pruned AS params_kept,
  madds AS madds_dense,                                  -- multiply-adds of one example
  madds - madds_pruned AS madds_effective,               -- those whose weight is kept
  accuracy,                                              -- test, in [0, 1]
  loss,                                                  -- test, mean cross-entropy, nats
  accuracy_best_val,                                     -- test, at the step of least validation loss
  dense_accuracy,                                        -- test, the dense network of the same seed
  train_steps,                                           -- optimizer steps of all trainings behind the result
  wall_s,                                                -- seconds of all stages behind the result, shared ones in full
  trial_key, variant,
  1.0 * pruned / parameters AS sparsity_total,           -- fraction removed of all parameters
  pruned_at_step                                         -- the step whose weights were scored
FROM (
  SELECT
    w.label AS sweep, st.dataset, m.name AS model, t.seed, t.method, t.criterion, t.granularity, t.allocation, t.schedule,
    t.rounds, t.retrain, t.control, t.sparsity_target, m.prunable, m.parameters, m.madds, e.accuracy, e.loss,
    l.accuracy_best_val, d.accuracy AS dense_accuracy, t.train_steps, t.key AS trial_key, st.variant, t.pruned_at_step,
    coalesce((SELECT sum(c.total - c.kept) FROM layer_densities c WHERE c.stage_id = t.masks_stage), 0) AS pruned,
    coalesce((SELECT sum(y.madds * (c.total - c.kept) / c.total)
              FROM layer_densities c JOIN model_layers y ON y.model_id = t.model_id AND y.layer = c.layer
              WHERE c.stage_id = t.masks_stage AND c.total > 0), 0) AS madds_pruned,
    (SELECT coalesce(sum(b.wall_s), 0.0)
     FROM trial_stages x JOIN stages b ON b.id = x.stage_id WHERE x.trial_id = t.id) AS wall_s
  FROM sweep_trials st
  JOIN sweeps w ON w.id = st.sweep_id
  JOIN trials t ON t.id = st.trial_id
  JOIN models m ON m.id = t.model_id
  JOIN evaluations e ON e.stage_id = t.evaluate_stage
  LEFT JOIN stages l ON l.id = t.last_train_stage
  LEFT JOIN evaluations d ON d.stage_id = t.dense_evaluate_stage
  ORDER BY st.sweep_id, st.position
);

CREATE VIEW versus_random AS
-- One row per cell (what the seeds of a configuration share), pruned otherwise than at random, set against the random
-- control of the same cell. Columns before `seeds` are means over the cell's seeds.
SELECT
  w.label AS sweep, c.dataset, c.model, c.method, c.criterion, c.granularity, c.allocation, c.schedule, c.rounds, c.retrain,
  c.control, c.sparsity_target, c.sparsity, c.params_total, c.params_kept, c.madds_dense, c.madds_effective, c.accuracy,
  c.loss, c.accuracy_best_val, c.dense_accuracy, c.train_steps, c.wall_s,
  c.trial_key,                                           -- that of the least seed
  c.seeds,                                               -- with both results: the pairs behind the columns that follow
  c.mean_accuracy,                                       -- of those seeds, in [0, 1]
  c.random_mean_accuracy,
  c.mean_difference_pp,                                  -- mean_accuracy - random_mean_accuracy, percentage points
  c.ci95_low_pp, c.ci95_high_pp,                         -- its 95 % interval, Student t over the paired seeds
  c.p_value,                                             -- two-sided paired t test
  c.variant, c.pruned_at_step,
  c.p_holm,                                              -- p_value after Holm's correction over the sweep's methods; NULL for controls
  c.verdict                                              -- better, worse, or inconclusive if the interval holds zero
FROM cell_statistics c JOIN sweeps w ON w.id = c.sweep_id
ORDER BY c.sweep_id, c.position;

CREATE VIEW layer_density AS
-- One row per layer of each pruned trial with results or with its masks at least.
SELECT
  w.label AS sweep, st.dataset, m.name AS model, t.seed, t.method, t.allocation, t.schedule, t.rounds, t.control,
  t.sparsity_target, c.position, c.layer,
  c.total, c.requested, c.kept,                          -- weights
  1.0 * c.kept / c.total AS density,
  y.madds AS madds_dense,                                -- multiply-adds of one example
  y.madds * c.kept / c.total AS madds_effective,
  t.key AS trial_key, st.variant
FROM sweep_trials st
JOIN sweeps w ON w.id = st.sweep_id
JOIN trials t ON t.id = st.trial_id
JOIN models m ON m.id = t.model_id
JOIN layer_densities c ON c.stage_id = t.masks_stage
JOIN model_layers y ON y.model_id = t.model_id AND y.layer = c.layer
ORDER BY st.sweep_id, st.position, c.position;

CREATE VIEW frontier AS
-- Cells that no other of the same sweep, dataset, model and variant beats: none is as accurate with fewer parameters, or
-- more accurate with as few. Means over seeds.
WITH cells AS (
  SELECT sweep, dataset, model, variant, method, criterion, granularity, allocation, schedule, rounds, retrain, control,
         sparsity_target, pruned_at_step, count(*) AS seeds, avg(sparsity) AS sparsity, avg(params_kept) AS params_kept,
         avg(madds_effective) AS madds_effective, avg(accuracy) AS mean_accuracy
  FROM results
  WHERE accuracy IS NOT NULL
  GROUP BY sweep, dataset, model, variant, method, criterion, granularity, allocation, schedule, rounds, retrain, control,
           sparsity_target, pruned_at_step
)
SELECT a.* FROM cells a
WHERE NOT EXISTS (
  SELECT 1 FROM cells b
  WHERE b.sweep = a.sweep AND b.dataset = a.dataset AND b.model = a.model AND b.variant = a.variant
    AND b.mean_accuracy >= a.mean_accuracy AND b.params_kept <= a.params_kept
    AND (b.mean_accuracy > a.mean_accuracy OR b.params_kept < a.params_kept))
ORDER BY a.sweep, a.dataset, a.model, a.variant, a.params_kept DESC;
