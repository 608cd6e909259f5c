-- Where a submitted sweep's relative paths begin.

ALTER TABLE submissions ADD COLUMN folder TEXT NOT NULL DEFAULT '';  -- that it was submitted from; '' if unknown
