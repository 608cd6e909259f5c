-- A network whose logits are not numbers has no accuracy, and results tell steps taken from steps planned. One more control:
-- masks permuted among units of one size. SQLite changes a CHECK only with its table; the rows that point at a trial step
-- aside meanwhile.

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
                                              'shuffle_sized')),
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

-- Its loss is no number, so it is found by that. What was derived from such accuracies is made anew by the sweep's next run.
UPDATE class_accuracies SET accuracy = NULL
WHERE stage_id IN (SELECT stage_id FROM evaluations WHERE loss IS NULL AND accuracy IS NOT NULL);
UPDATE metrics SET value = NULL
WHERE name = 'validation_accuracy' AND EXISTS (
  SELECT 1 FROM metrics l
  WHERE l.stage_id = metrics.stage_id AND l.name = 'validation_loss' AND l.step = metrics.step AND l.value IS NULL);
DELETE FROM cell_statistics
WHERE sweep_id IN (
  SELECT st.sweep_id
  FROM evaluations e
  JOIN trials t ON t.evaluate_stage = e.stage_id OR t.dense_evaluate_stage = e.stage_id
  JOIN sweep_trials st ON st.trial_id = t.id
  WHERE e.loss IS NULL AND e.accuracy IS NOT NULL);
UPDATE evaluations SET accuracy = NULL WHERE loss IS NULL;

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
  train_steps_planned - steps_left AS train_steps,       -- optimizer steps taken by all trainings behind the result
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
  collapsed,                                             -- 1 if it was found that none does: it was not trained any more
  train_steps_planned                                    -- as train_steps, had no training ended early
FROM (
  SELECT
    w.label AS sweep, st.dataset, m.name AS model, t.seed, t.method, t.criterion, t.granularity, t.allocation, t.schedule,
    t.rounds, t.retrain, t.control, t.sparsity_target, m.prunable, m.parameters, m.madds, e.accuracy, e.loss,
    l.accuracy_best_val, d.accuracy AS dense_accuracy, t.train_steps AS train_steps_planned, t.key AS trial_key, st.variant, t.pruned_at_step,
    t.masks_stage IS NULL AS is_dense, p.effective_kept, p.dead_units, p.connected,
    coalesce(p.connected = 0, 0) OR coalesce(l.collapsed, 0) AS collapsed,
    coalesce((SELECT sum(c.total - c.kept) FROM layer_densities c WHERE c.stage_id = t.masks_stage), 0) AS pruned,
    coalesce((SELECT sum(y.madds * (c.total - c.kept) / c.total)
              FROM layer_densities c JOIN model_layers y ON y.model_id = t.model_id AND y.layer = c.layer
              WHERE c.stage_id = t.masks_stage AND c.total > 0), 0) AS madds_pruned,
    (SELECT coalesce(sum(b.wall_s), 0.0)
     FROM trial_stages x JOIN stages b ON b.id = x.stage_id WHERE x.trial_id = t.id) AS wall_s,
    (SELECT coalesce(sum(b.planned_steps - (b.steps - coalesce(r.steps, 0))), 0)
     FROM trial_stages x JOIN stages b ON b.id = x.stage_id LEFT JOIN stages r ON r.id = b.resume_from
     WHERE x.trial_id = t.id AND b.kind = 'train' AND b.state = 'done') AS steps_left
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

DROP VIEW frontier;
CREATE VIEW frontier AS
-- Cells that no other of the same sweep, dataset, model and variant beats: none is as accurate with fewer parameters, or
-- more accurate with as few. Means over seeds; a cell of which a seed has no accuracy has no mean, and is not among them.
WITH cells AS (
  SELECT sweep, dataset, model, variant, method, criterion, granularity, allocation, schedule, rounds, retrain, control,
         sparsity_target, pruned_at_step, count(*) AS seeds, avg(sparsity) AS sparsity, avg(params_kept) AS params_kept,
         avg(madds_effective) AS madds_effective, avg(accuracy) AS mean_accuracy
  FROM results
  GROUP BY sweep, dataset, model, variant, method, criterion, granularity, allocation, schedule, rounds, retrain, control,
           sparsity_target, pruned_at_step
  HAVING count(accuracy) = count(*)
)
SELECT a.* FROM cells a
WHERE NOT EXISTS (
  SELECT 1 FROM cells b
  WHERE b.sweep = a.sweep AND b.dataset = a.dataset AND b.model = a.model AND b.variant = a.variant
    AND b.mean_accuracy >= a.mean_accuracy AND b.params_kept <= a.params_kept
    AND (b.mean_accuracy > a.mean_accuracy OR b.params_kept < a.params_kept))
ORDER BY a.sweep, a.dataset, a.model, a.variant, a.params_kept DESC;
