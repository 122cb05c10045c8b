-- Whom a page was told instead of, when its destination is another's backup.
ALTER TABLE ${DATABASE}.page_attempts
    ADD COLUMN IF NOT EXISTS instead_of LowCardinality(String);
