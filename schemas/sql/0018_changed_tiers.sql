-- Which verdicts put a provider, or a part of it (a cluster, a model), into another tier: their names.
ALTER TABLE ${DATABASE}.verdicts ADD COLUMN IF NOT EXISTS changed Array(LowCardinality(String));
