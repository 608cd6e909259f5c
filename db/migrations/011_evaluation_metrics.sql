-- What an evaluation says of a network is a list of named numbers, of which accuracy and loss are two: other tasks have
-- others, and some have one for each of several points.

CREATE TABLE evaluation_metrics (
  -- On the test set, which chose nothing.
  stage_id INTEGER NOT NULL REFERENCES stages (id),
  name TEXT NOT NULL,             -- loss (mean over the examples), accuracy, class_accuracy, ...
  at REAL NOT NULL,               -- the point that it is of: the class of class_accuracy; 0 where there is one alone
  value REAL,                     -- NULL: not a number
  PRIMARY KEY (stage_id, name, at)
) STRICT, WITHOUT ROWID;

INSERT INTO evaluation_metrics
SELECT stage_id, 'accuracy', 0, accuracy FROM evaluations
UNION ALL SELECT stage_id, 'loss', 0, loss FROM evaluations
UNION ALL SELECT stage_id, 'class_accuracy', class, accuracy FROM class_accuracies;

DROP TABLE class_accuracies;
DROP TABLE evaluations;

CREATE VIEW evaluations AS
-- One row per evaluation.
SELECT
  l.stage_id,
  a.value AS accuracy,                                   -- NULL: not a number, or none of the task
  l.value AS loss                                        -- mean over the examples, in nats; NULL: not a number
FROM evaluation_metrics l
LEFT JOIN evaluation_metrics a ON a.stage_id = l.stage_id AND a.name = 'accuracy' AND a.at = 0
WHERE l.name = 'loss' AND l.at = 0;

CREATE VIEW class_accuracies AS
-- One row per evaluation and class.
SELECT stage_id, CAST(at AS INTEGER) AS class, value AS accuracy FROM evaluation_metrics WHERE name = 'class_accuracy';
