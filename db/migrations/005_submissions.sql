-- Sweeps that were handed to `espalier serve`: it goes on with the open ones when it is started again.

CREATE TABLE submissions (
  sweep_id INTEGER PRIMARY KEY REFERENCES sweeps (id),
  submitted_at REAL NOT NULL,     -- seconds since 1970
  data TEXT NOT NULL,             -- the folder of its datasets
  program TEXT NOT NULL,          -- SHA-256 of the espalier that expanded it
  catalog TEXT NOT NULL,          -- SHA-256 of the names that it knew
  priority INTEGER NOT NULL,      -- higher goes first
  paused INTEGER NOT NULL,        -- 1: nothing more of it is handed out
  open INTEGER NOT NULL           -- 1: it has not ended
) STRICT;
