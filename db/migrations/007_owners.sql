-- Whose attempts are: a coordinator that is started anew knows them by it, and which ranks are at work together.

ALTER TABLE attempts ADD COLUMN owner TEXT NOT NULL DEFAULT '';  -- SHA-256 of its pool's identity, hex; '' if unknown
ALTER TABLE attempts ADD COLUMN gang TEXT;  -- the ranks that run it together, a JSON list; NULL: one alone
