-- Times of pruned networks, measured beside their accuracy. No part of what makes results equal.

ALTER TABLE sweep_trials ADD COLUMN latency_stage INTEGER REFERENCES stages (id);  -- NULL: the sweep measures none

CREATE TABLE latencies (
  -- Of one measurement one row a network: the dense one, the pruned one without what was removed as a whole, and its
  -- twin, of the same shape with random weights. They were timed in turn in one process.
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  batch_size INTEGER NOT NULL,
  network TEXT NOT NULL,          -- dense, pruned, twin
  median_ms REAL NOT NULL,        -- of a forward pass, over the turns
  p10_ms REAL NOT NULL,
  p90_ms REAL NOT NULL,
  speedup REAL NOT NULL,          -- over the dense network: median of the turns' ratios; 1 of that itself
  speedup_low REAL NOT NULL,      -- its 95 % bootstrap interval
  speedup_high REAL NOT NULL,
  peak_bytes INTEGER NOT NULL,    -- of tensors during a pass, parameters in them
  settled INTEGER NOT NULL,       -- 1: the interval became narrower than 2 % before the time limit
  busy_cores REAL NOT NULL,       -- that other programs used meanwhile
  samples_ms TEXT NOT NULL CHECK (json_valid(samples_ms)),  -- by turn
  PRIMARY KEY (stage_id, batch_size, network)
) STRICT, WITHOUT ROWID;

CREATE VIEW latency AS
-- One row per sweep, pruned trial and batch size that was timed.
SELECT
  w.label AS sweep, x.dataset, m.name AS model, x.variant, t.seed, t.method, t.criterion, t.granularity, t.allocation,
  t.schedule, t.rounds, x.rate, t.retrain, t.control, t.sparsity_target, t.pruned_at_step, t.key AS trial_key,
  e.accuracy,                                            -- of the trial, in [0, 1]; NULL: no result yet
  p.batch_size,
  c.json ->> '$.threads' AS threads,
  p.median_ms AS latency_ms, p.p10_ms, p.p90_ms,         -- of a pass of the pruned network
  1000.0 * p.batch_size / p.median_ms AS examples_per_s,
  d.median_ms AS dense_ms,                               -- of the dense network in the same turns
  p.speedup, p.speedup_low, p.speedup_high,              -- dense over pruned, with its 95 % interval
  n.speedup AS twin_speedup, n.speedup_low AS twin_low, n.speedup_high AS twin_high,
                                                         -- of the pruned shape with random weights; NULL: no unit left
  p.peak_bytes, d.peak_bytes AS dense_peak_bytes,
  p.settled, p.busy_cores,
  p.busy_cores > 0.25 AS disturbed,                      -- 1: other programs ran meanwhile
  v.host, v.json ->> '$.cpu' AS cpu,
  coalesce(c.json ->> '$.device', v.json ->> '$.device') AS device,
  v.id AS environment,                                   -- times of two are never compared
  s.key AS stage_key
FROM sweep_trials x
JOIN sweeps w ON w.id = x.sweep_id
JOIN trials t ON t.id = x.trial_id
JOIN models m ON m.id = t.model_id
JOIN stages s ON s.id = x.latency_stage
JOIN specs c ON c.id = s.spec_id
JOIN latencies p ON p.stage_id = s.id AND p.network = 'pruned'
JOIN latencies d ON d.stage_id = s.id AND d.batch_size = p.batch_size AND d.network = 'dense'
LEFT JOIN latencies n ON n.stage_id = s.id AND n.batch_size = p.batch_size AND n.network = 'twin'
LEFT JOIN evaluations e ON e.stage_id = t.evaluate_stage
LEFT JOIN environments v ON v.id = s.environment_id
ORDER BY x.sweep_id, x.position, p.batch_size;
