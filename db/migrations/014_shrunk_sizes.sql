-- How large a network is without what was removed as a whole.

ALTER TABLE stages ADD COLUMN params_shrunk INTEGER;   -- stages that leave masks: parameters without the channels, heads and blocks that these remove
ALTER TABLE stages ADD COLUMN madds_shrunk INTEGER;    -- the same: multiply-adds of one example
ALTER TABLE stages ADD COLUMN file_bytes INTEGER;      -- the same: size of a safetensors file of the tensors alone
ALTER TABLE models ADD COLUMN file_bytes INTEGER;      -- of the whole network; NULL: unknown
ALTER TABLE cell_statistics ADD COLUMN params_shrunk REAL;
ALTER TABLE cell_statistics ADD COLUMN madds_shrunk REAL;
ALTER TABLE cell_statistics ADD COLUMN file_bytes REAL;

DROP VIEW frontier;
DROP VIEW versus_random;
DROP VIEW results;
DROP VIEW sweep_results;

CREATE VIEW sweep_results AS
-- One row per sweep and trial, whether or not it has a result.
SELECT
  sweep, dataset, model, seed, method, criterion, granularity, allocation, schedule, rounds, retrain, control,
  sparsity_target,                                       -- fraction of what the granularity removes, asked for
  1.0 * pruned / prunable AS sparsity,                   -- fraction of prunable weights, reached
  parameters AS params_total,                            -- biases too
  parameters - pruned AS params_kept,
  madds AS madds_dense,                                  -- multiply-adds of one example
  madds - madds_pruned AS madds_effective,               -- those whose weight is kept
  accuracy,                                              -- test, in [0, 1]
  loss,                                                  -- test, mean cross-entropy, nats
  test_accuracy_at_best_validation,                      -- at the step of least validation loss of the last training
  dense_accuracy,                                        -- test, the dense network of the same seed
  train_steps_planned - steps_left AS train_steps,       -- optimizer steps taken by all trainings behind the result
  wall_s,                                                -- seconds of all stages behind the result, shared ones in full
  trial_key, variant,
  1.0 * pruned / parameters AS sparsity_total,           -- fraction removed of all parameters
  pruned_at_step,                                        -- the step whose weights the first round scored
  CASE WHEN is_whole THEN 0.0 ELSE 1.0 - 1.0 * effective_kept / prunable END
    AS effective_sparsity,                               -- as sparsity; kept weights on no path do not count; NULL: unknown
  CASE WHEN is_whole THEN 0 ELSE dead_units END
    AS dead_units,                                       -- outputs of layers that no path passes; NULL: unknown
  CASE WHEN is_whole THEN 1 ELSE connected END
    AS connected,                                        -- 1 if a path leads from input to output; NULL: unknown
  collapsed,                                             -- 1 if it was found that none does: it was not trained any more
  train_steps_planned,                                   -- as train_steps, had no training ended early
  rate,                                                  -- of what is left, removed by each round; NULL: not given so
  later_rounds_score,                                    -- what rounds after the first score; '': the same; NULL: unknown
  validation_accuracy, validation_loss,                  -- at the end of the last training; NULL: not trained after pruning
  outcome,                                               -- learned, at chance, untrained, collapsed, diverged; failed, waiting
  dense_outcome,                                         -- of the dense network of the same seed
  evaluation_key,                                        -- trials with equal ones are one computation
  CASE WHEN is_whole THEN parameters ELSE params_shrunk END
    AS params_shrunk,                                    -- without the channels, heads and blocks that were removed; NULL: unknown
  CASE WHEN is_whole THEN madds ELSE madds_shrunk END
    AS madds_shrunk,                                     -- multiply-adds of one example, likewise
  CASE WHEN is_whole THEN whole_bytes ELSE small_bytes END
    AS file_bytes,                                       -- of a safetensors file of its tensors alone, likewise
  latency_ms,                                            -- of a pass of the smallest batch that was timed; NULL: not timed
  speedup, speedup_low, speedup_high                     -- over the dense network in turn with it, and its 95 % interval
FROM (
  SELECT
    w.label AS sweep, st.dataset, m.name AS model, t.seed, t.method, t.criterion, t.granularity, t.allocation, t.schedule,
    t.rounds, t.retrain, t.control, t.sparsity_target, m.prunable, m.parameters, m.madds, e.accuracy, e.loss,
    l.test_accuracy_at_best_validation, d.accuracy AS dense_accuracy, t.train_steps AS train_steps_planned,
    t.key AS trial_key, st.variant, t.pruned_at_step, st.rate, st.later_rounds_score, t.masks_stage IS NULL AS is_whole, p.effective_kept, p.dead_units,
    p.params_shrunk, p.madds_shrunk, p.file_bytes AS small_bytes, m.file_bytes AS whole_bytes,
    g.median_ms AS latency_ms, g.speedup, g.speedup_low, g.speedup_high,
    p.connected, coalesce(p.connected = 0, 0) OR coalesce(l.collapsed, 0) AS collapsed,
    coalesce((SELECT sum(c.total - c.kept) FROM layer_densities c WHERE c.stage_id = t.masks_stage), 0) AS pruned,
    coalesce((SELECT sum(y.madds * (c.total - c.kept) / c.total)
              FROM layer_densities c JOIN model_layers y ON y.model_id = t.model_id AND y.layer = c.layer
              WHERE c.stage_id = t.masks_stage AND c.total > 0), 0) AS madds_pruned,
    (SELECT coalesce(sum(b.wall_s), 0.0)
     FROM trial_stages x JOIN stages b ON b.id = x.stage_id WHERE x.trial_id = t.id) AS wall_s,
    (SELECT coalesce(sum(b.planned_steps - (b.steps - coalesce(r.steps, 0))), 0)
     FROM trial_stages x JOIN stages b ON b.id = x.stage_id LEFT JOIN stages r ON r.id = b.resume_from
     WHERE x.trial_id = t.id AND b.kind = 'train' AND b.state = 'done') AS steps_left,
    (SELECT c.value FROM metrics c WHERE c.stage_id = t.last_train_stage AND c.name = 'validation_accuracy'
     ORDER BY c.step DESC LIMIT 1) AS validation_accuracy,
    (SELECT c.value FROM metrics c WHERE c.stage_id = t.last_train_stage AND c.name = 'validation_loss'
     ORDER BY c.step DESC LIMIT 1) AS validation_loss,
    coalesce(e.outcome,
             CASE WHEN EXISTS (SELECT 1 FROM trial_stages x JOIN stages b ON b.id = x.stage_id
                               WHERE x.trial_id = t.id AND b.state = 'failed') THEN 'failed' ELSE 'waiting' END) AS outcome,
    d.outcome AS dense_outcome, v.key AS evaluation_key
  FROM sweep_trials st
  JOIN sweeps w ON w.id = st.sweep_id
  JOIN trials t ON t.id = st.trial_id
  JOIN models m ON m.id = t.model_id
  JOIN stages v ON v.id = t.evaluate_stage
  LEFT JOIN evaluated_networks e ON e.stage_id = t.evaluate_stage
  LEFT JOIN stages l ON l.id = t.last_train_stage
  LEFT JOIN stages p ON p.id = t.masks_stage
  LEFT JOIN evaluated_networks d ON d.stage_id = t.dense_evaluate_stage
  LEFT JOIN latencies g ON g.stage_id = st.latency_stage AND g.network = 'pruned'
    AND g.batch_size = (SELECT min(f.batch_size) FROM latencies f WHERE f.stage_id = st.latency_stage)
  ORDER BY st.sweep_id, st.position
);

CREATE VIEW results AS
-- One row per sweep and trial whose evaluation is done; sweep_results explains the columns.
SELECT * FROM sweep_results WHERE outcome NOT IN ('waiting', 'failed');

CREATE VIEW versus_random AS
-- One row per cell (what the seeds of a configuration share), pruned otherwise than at random, set against the random
-- control of the same cell. Columns before `seeds` are means over the cell's seeds.
SELECT
  w.label AS sweep, c.dataset, c.model, c.method, c.criterion, c.granularity, c.allocation, c.schedule, c.rounds, c.retrain,
  c.control, c.sparsity_target, c.sparsity, c.params_total, c.params_kept, c.madds_dense, c.madds_effective, c.accuracy,
  c.loss, c.test_accuracy_at_best_validation, c.dense_accuracy, c.train_steps, c.wall_s,
  c.trial_key,                                           -- that of the least seed
  c.seeds,                                               -- with both results: the pairs behind the columns that follow
  c.mean_accuracy,                                       -- of those seeds, in [0, 1]
  c.random_mean_accuracy,
  c.mean_difference_pp,                                  -- mean_accuracy - random_mean_accuracy, percentage points
  c.ci95_low_pp, c.ci95_high_pp,                         -- its nominal 95 % interval, Student t over the paired seeds
  c.p_value,                                             -- two-sided paired t test; NULL if a network of either side did not learn
  c.variant, c.pruned_at_step,
  c.p_holm,                                              -- p_value after Holm's correction over the sweep's methods; NULL for controls
  c.verdict,                                             -- better, worse: p_holm < 0.05; inconclusive otherwise
  c.rate, c.validation_accuracy, c.validation_loss,      -- as in results
  c.not_learned,                                         -- seeds whose network did not learn
  c.params_shrunk, c.madds_shrunk, c.file_bytes          -- as in results
FROM cell_statistics c JOIN sweeps w ON w.id = c.sweep_id
ORDER BY c.sweep_id, c.position;

CREATE VIEW frontier AS
-- Cells that no other of the same sweep, dataset, model and variant beats: none is as accurate with fewer parameters, or
-- more accurate with as few. Means over seeds; a cell of which a seed has no accuracy has no mean, and is not among them.
WITH cells AS (
  SELECT sweep, dataset, model, variant, method, criterion, granularity, allocation, schedule, rounds, rate, retrain, control,
         sparsity_target, pruned_at_step, count(*) AS seeds, avg(sparsity) AS sparsity, avg(params_kept) AS params_kept,
         avg(madds_effective) AS madds_effective, avg(accuracy) AS mean_accuracy, avg(params_shrunk) AS params_shrunk,
         avg(madds_shrunk) AS madds_shrunk, avg(file_bytes) AS file_bytes
  FROM results
  GROUP BY sweep, dataset, model, variant, method, criterion, granularity, allocation, schedule, rounds, rate, retrain,
           control, sparsity_target, pruned_at_step
  HAVING count(accuracy) = count(*)
)
SELECT a.* FROM cells a
WHERE NOT EXISTS (
  SELECT 1 FROM cells b
  WHERE b.sweep = a.sweep AND b.dataset = a.dataset AND b.model = a.model AND b.variant = a.variant
    AND b.mean_accuracy >= a.mean_accuracy AND b.params_kept <= a.params_kept
    AND (b.mean_accuracy > a.mean_accuracy OR b.params_kept < a.params_kept))
ORDER BY a.sweep, a.dataset, a.model, a.variant, a.params_kept DESC;
