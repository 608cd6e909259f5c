-- What --set replaced in a sweep, apart from its text: a comment of the user's own may look like a note of ours.

ALTER TABLE sweeps ADD COLUMN overrides TEXT;  -- a JSON list of KEY=VALUE; NULL: noted at the end of yaml, as "# --set KEY=VALUE"
