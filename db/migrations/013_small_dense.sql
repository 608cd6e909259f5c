-- One more control: a small dense network of the same multiply-adds, trained from scratch. SQLite changes a CHECK only with its
-- table; the rows that point at a trial step aside meanwhile.

CREATE TEMP TABLE moved_trials AS SELECT * FROM trials;
CREATE TEMP TABLE moved_sweep_trials AS SELECT * FROM sweep_trials;
CREATE TEMP TABLE moved_trial_stages AS SELECT * FROM trial_stages;
CREATE TEMP TABLE moved_mask_overlaps AS SELECT * FROM mask_overlaps;
DELETE FROM sweep_trials;
DELETE FROM trial_stages;
DELETE FROM mask_overlaps;
DROP TABLE trials;

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
  control TEXT NOT NULL CHECK (control IN ('none', 'random', 'shuffle', 'reinit', 'erk_random', 'shuffle_network',
                                              'shuffle_sized', 'small_dense')),
  sparsity_target REAL NOT NULL,  -- fraction to remove of what the granularity removes: weights, filters, ...
  pruned_at_step INTEGER NOT NULL,  -- the step of the dense training whose weights were scored; 0: at initialisation
  train_steps INTEGER NOT NULL,   -- optimizer steps planned for all trainings behind the result, each counted once
  evaluate_stage INTEGER NOT NULL REFERENCES stages (id),
  masks_stage INTEGER REFERENCES stages (id),           -- NULL if dense
  last_train_stage INTEGER REFERENCES stages (id),
  dense_evaluate_stage INTEGER REFERENCES stages (id)   -- the dense network of the same seed and recipe
) STRICT;

INSERT INTO trials SELECT * FROM moved_trials;
INSERT INTO sweep_trials SELECT * FROM moved_sweep_trials;
INSERT INTO trial_stages SELECT * FROM moved_trial_stages;
INSERT INTO mask_overlaps SELECT * FROM moved_mask_overlaps;
DROP TABLE moved_trials;
DROP TABLE moved_sweep_trials;
DROP TABLE moved_trial_stages;
DROP TABLE moved_mask_overlaps;
