-- Which of a target's accounts asked, by its name.
ALTER TABLE ${DATABASE}.observations ADD COLUMN IF NOT EXISTS account LowCardinality(String);
