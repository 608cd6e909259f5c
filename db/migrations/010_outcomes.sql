-- What a result is beside a number: whether the network learned anything, which evaluation it is, how it did on the
-- validation set; results that are not there yet; rates of schedules. Test accuracy at the step of least validation loss is
-- called so, and verdicts follow the corrected p-values.

ALTER TABLE sweep_trials ADD COLUMN rate REAL;                -- of what is left, removed by each round; NULL: the schedule was not given so
ALTER TABLE sweep_trials ADD COLUMN later_rounds_score TEXT;  -- what rounds after the first score, for people; '' if the same weights, or one round; NULL: unknown

DROP VIEW frontier;
DROP VIEW results;
DROP VIEW versus_random;
DROP VIEW layer_density;
DROP VIEW mask_overlap;

ALTER TABLE stages RENAME COLUMN accuracy_best_val TO test_accuracy_at_best_validation;
ALTER TABLE cell_statistics RENAME COLUMN accuracy_best_val TO test_accuracy_at_best_validation;
ALTER TABLE cell_statistics ADD COLUMN rate REAL;
ALTER TABLE cell_statistics ADD COLUMN validation_accuracy REAL;
ALTER TABLE cell_statistics ADD COLUMN validation_loss REAL;
ALTER TABLE cell_statistics ADD COLUMN not_learned INTEGER NOT NULL DEFAULT 0;
UPDATE cell_statistics SET verdict = CASE
  WHEN p_holm IS NULL OR p_holm >= 0.05 THEN 'inconclusive' WHEN mean_difference_pp > 0 THEN 'better' ELSE 'worse' END;

CREATE VIEW evaluated_networks AS
-- One row per evaluation: what its network is.
SELECT
  stage_id, accuracy, loss,
  CASE
    WHEN accuracy IS NULL OR diverged THEN 'diverged'
    WHEN collapsed THEN 'collapsed'
    WHEN untrained THEN 'untrained'
    WHEN chance_ratio <= 1 OR (chance_ratio - 1) * (chance_ratio - 1) <= 9.0 * (classes - 1) / examples THEN 'at chance'
    ELSE 'learned'
  END AS outcome                                         -- see results
FROM (
  SELECT
    e.stage_id, e.accuracy, e.loss,
    coalesce(t.diverged, 0) AS diverged,
    coalesce(k.connected = 0, 0) OR coalesce(t.collapsed, 0) AS collapsed,
    t.kind = 'init' AND coalesce(i.json ->> '$.scheme', '') != 'as_scripted' AS untrained,
    p.json ->> '$.dataset.test' AS examples,
    (SELECT count(c.accuracy) FROM class_accuracies c WHERE c.stage_id = e.stage_id) AS classes,
    (SELECT CASE WHEN count(c.accuracy) > 1 THEN sum(c.accuracy) END FROM class_accuracies c WHERE c.stage_id = e.stage_id)
      AS chance_ratio                                    -- the mean of the classes' accuracies times their number: 1 is chance
  FROM evaluations e
  JOIN stages s ON s.id = e.stage_id
  LEFT JOIN specs p ON p.id = s.spec_id
  LEFT JOIN stage_inputs w ON w.stage_id = e.stage_id AND w.role = 'weights'
  LEFT JOIN stages t ON t.id = w.input_id
  LEFT JOIN specs i ON i.id = t.spec_id
  LEFT JOIN stage_inputs m ON m.stage_id = e.stage_id AND m.role = 'masks'
  LEFT JOIN stages k ON k.id = m.input_id
);

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
  evaluation_key                                         -- trials with equal ones are one computation
FROM (
  SELECT
    w.label AS sweep, st.dataset, m.name AS model, t.seed, t.method, t.criterion, t.granularity, t.allocation, t.schedule,
    t.rounds, t.retrain, t.control, t.sparsity_target, m.prunable, m.parameters, m.madds, e.accuracy, e.loss,
    l.test_accuracy_at_best_validation, d.accuracy AS dense_accuracy, t.train_steps AS train_steps_planned,
    t.key AS trial_key, st.variant, t.pruned_at_step, st.rate, st.later_rounds_score, t.masks_stage IS NULL AS is_whole, p.effective_kept, p.dead_units,
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
  c.not_learned                                          -- seeds whose network did not learn
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
  t.key AS trial_key, st.variant,
  c.effective,                                           -- kept weights on a path from input to output; NULL: unknown
  1.0 * c.effective / c.total AS effective_density,
  c.dead_units,                                          -- outputs of the layer that no path passes; NULL: unknown
  t.granularity, t.retrain, t.pruned_at_step, st.rate
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
  a.key AS trial_a, b.key AS trial_b, sa.rate AS rate_a, sb.rate AS rate_b
FROM mask_overlaps o
JOIN sweeps w ON w.id = o.sweep_id
JOIN trials a ON a.id = o.trial_a
JOIN trials b ON b.id = o.trial_b
JOIN models m ON m.id = a.model_id
JOIN sweep_trials sa ON sa.sweep_id = o.sweep_id AND sa.trial_id = o.trial_a
JOIN sweep_trials sb ON sb.sweep_id = o.sweep_id AND sb.trial_id = o.trial_b
ORDER BY o.sweep_id, o.position;

CREATE VIEW frontier AS
-- Cells that no other of the same sweep, dataset, model and variant beats: none is as accurate with fewer parameters, or
-- more accurate with as few. Means over seeds; a cell of which a seed has no accuracy has no mean, and is not among them.
WITH cells AS (
  SELECT sweep, dataset, model, variant, method, criterion, granularity, allocation, schedule, rounds, rate, retrain, control,
         sparsity_target, pruned_at_step, count(*) AS seeds, avg(sparsity) AS sparsity, avg(params_kept) AS params_kept,
         avg(madds_effective) AS madds_effective, avg(accuracy) AS mean_accuracy
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
