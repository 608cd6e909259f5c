-- What pruning left connected, how alike masks are, and what layers bear.

ALTER TABLE stages ADD COLUMN collapsed INTEGER;       -- train: 1 if the masks left no path from input to output: no (further) step was taken
ALTER TABLE stages ADD COLUMN connected INTEGER;       -- stages that leave masks: 1 if a path of kept weights leads from input to output
ALTER TABLE stages ADD COLUMN dead_units INTEGER;      -- the same: outputs of prunable layers that no such path passes
ALTER TABLE stages ADD COLUMN effective_kept INTEGER;  -- the same: prunable weights on such a path
ALTER TABLE layer_densities ADD COLUMN effective INTEGER;   -- kept weights on a path; NULL: unknown
ALTER TABLE layer_densities ADD COLUMN dead_units INTEGER;  -- outputs of the layer that no path passes; NULL: unknown

CREATE TABLE stage_warnings (
  -- What a stage did, and probably nobody meant: an emptied layer, say.
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  position INTEGER NOT NULL,      -- from 0
  warning TEXT NOT NULL,
  PRIMARY KEY (stage_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE sensitivities (
  -- A point of a layer's curve: the loss with this scope alone pruned.
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  position INTEGER NOT NULL,      -- by scope in the order of the model, then by sparsity
  scope TEXT NOT NULL,            -- a layer, or what is pruned together with it
  sparsity REAL NOT NULL,         -- fraction of the scope's units to remove; 0: nothing removed
  units INTEGER NOT NULL,         -- that the scope has
  kept INTEGER NOT NULL,          -- units
  loss REAL,                      -- mean cross-entropy, nats; NULL: not a number
  PRIMARY KEY (stage_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE mask_overlaps (
  -- Behind the view mask_overlap, which explains the columns; written by the coordinator when a sweep ends.
  sweep_id INTEGER NOT NULL REFERENCES sweeps (id),
  position INTEGER NOT NULL,      -- from 0
  pairing TEXT NOT NULL CHECK (pairing IN ('method', 'seed')),
  trial_a INTEGER NOT NULL REFERENCES trials (id),
  trial_b INTEGER NOT NULL REFERENCES trials (id),
  kept_a INTEGER NOT NULL,
  kept_b INTEGER NOT NULL,
  kept_both INTEGER NOT NULL,
  jaccard REAL,
  chance REAL,
  corrected REAL,
  PRIMARY KEY (sweep_id, position)
) STRICT, WITHOUT ROWID;

DROP VIEW results;
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
  pruned_at_step,                                        -- the step whose weights were scored
  CASE WHEN is_dense THEN 0.0 ELSE 1.0 - 1.0 * effective_kept / prunable END
    AS effective_sparsity,                               -- as sparsity; kept weights on no path do not count; NULL: unknown
  CASE WHEN is_dense THEN 0 ELSE dead_units END
    AS dead_units,                                       -- outputs of layers that no path passes; NULL: unknown
  CASE WHEN is_dense THEN 1 ELSE connected END
    AS connected,                                        -- 1 if a path leads from input to output; NULL: unknown
  collapsed                                              -- 1 if it was found that none does: it was not trained any more
FROM (
  SELECT
    w.label AS sweep, st.dataset, m.name AS model, t.seed, t.method, t.criterion, t.granularity, t.allocation, t.schedule,
    t.rounds, t.retrain, t.control, t.sparsity_target, m.prunable, m.parameters, m.madds, e.accuracy, e.loss,
    l.accuracy_best_val, d.accuracy AS dense_accuracy, t.train_steps, t.key AS trial_key, st.variant, t.pruned_at_step,
    t.masks_stage IS NULL AS is_dense, p.effective_kept, p.dead_units, p.connected,
    coalesce(p.connected = 0, 0) OR coalesce(l.collapsed, 0) AS collapsed,
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
  LEFT JOIN stages p ON p.id = t.masks_stage
  LEFT JOIN evaluations d ON d.stage_id = t.dense_evaluate_stage
  ORDER BY st.sweep_id, st.position
);

DROP VIEW layer_density;
CREATE VIEW layer_density AS
-- One row per layer of each pruned trial with results or with its masks at least.
SELECT
  w.label AS sweep, st.dataset, m.name AS model, t.seed, t.method, t.allocation, t.schedule, t.rounds, t.control,
  t.sparsity_target, c.position, c.layer,
  c.total, c.requested, c.kept,                          -- weights
  1.0 * c.kept / c.total AS density,
  y.madds AS madds_dense,                                -- multiply-adds of one example
  y.madds * c.kept / c.total AS madds_effective,
  t.key AS trial_key, st.variant,
  c.effective,                                           -- kept weights on a path from input to output; NULL: unknown
  1.0 * c.effective / c.total AS effective_density,
  c.dead_units,                                          -- outputs of the layer that no path passes; NULL: unknown
  t.granularity, t.retrain
FROM sweep_trials st
JOIN sweeps w ON w.id = st.sweep_id
JOIN trials t ON t.id = st.trial_id
JOIN models m ON m.id = t.model_id
JOIN layer_densities c ON c.stage_id = t.masks_stage
JOIN model_layers y ON y.model_id = t.model_id AND y.layer = c.layer
ORDER BY st.sweep_id, st.position, c.position;

CREATE VIEW mask_overlap AS
-- One row per pair of masks of a sweep at one dataset, model, variant, moment and sparsity_target: of two configurations with
-- one seed (pairing 'method'), or of two seeds of one configuration (pairing 'seed'). Trials with the same masks (they differ
-- in how they retrain) are one, named by the first.
SELECT
  w.label AS sweep, o.pairing, sa.dataset, m.name AS model, sa.variant, a.pruned_at_step, a.sparsity_target,
  a.method AS method_a, a.granularity AS granularity_a, a.allocation AS allocation_a, a.schedule AS schedule_a,
  a.rounds AS rounds_a, a.control AS control_a, a.seed AS seed_a,
  b.method AS method_b, b.granularity AS granularity_b, b.allocation AS allocation_b, b.schedule AS schedule_b,
  b.rounds AS rounds_b, b.control AS control_b, b.seed AS seed_b,
  o.kept_a, o.kept_b, o.kept_both,                       -- weights
  o.jaccard,                                             -- kept by both / kept by either, in [0, 1]
  o.chance,                                              -- the same, expected of random masks with these counts in each layer
  o.corrected,                                           -- (jaccard - chance) / (1 - chance): 0 as chance has it, 1 equal
  a.key AS trial_a, b.key AS trial_b
FROM mask_overlaps o
JOIN sweeps w ON w.id = o.sweep_id
JOIN trials a ON a.id = o.trial_a
JOIN trials b ON b.id = o.trial_b
JOIN models m ON m.id = a.model_id
JOIN sweep_trials sa ON sa.sweep_id = o.sweep_id AND sa.trial_id = o.trial_a
ORDER BY o.sweep_id, o.position;

CREATE VIEW sensitivity AS
-- One row per scope and sparsity of each sensitivity stage of a sweep.
SELECT
  w.label AS sweep, p.json ->> '$.prune.dataset.name' AS dataset, p.json ->> '$.prune.model.name' AS model, s.seed,
  p.json ->> '$.prune.criterion' AS criterion, p.json ->> '$.prune.granularity' AS granularity,
  c.position, c.scope,
  c.sparsity,                                            -- fraction of the scope's units to remove; 0: nothing removed
  c.units, c.kept,                                       -- of the scope
  c.loss,                                                -- over the stage's batches of training data, nats
  c.loss - d.loss AS loss_increase,                      -- over that with nothing removed
  s.key AS stage_key
FROM sensitivities c
JOIN stages s ON s.id = c.stage_id
JOIN specs p ON p.id = s.spec_id
JOIN sweep_stages x ON x.stage_id = s.id
JOIN sweeps w ON w.id = x.sweep_id
LEFT JOIN sensitivities d ON d.stage_id = c.stage_id AND d.scope = c.scope AND d.sparsity = 0
ORDER BY w.id, s.id, c.position;
