-- Rows are taken in nearly in order, so each part's range of ingested_at is narrow: what is new is found without reading the rest.
ALTER TABLE ${DATABASE}.observations ADD INDEX IF NOT EXISTS taken_in ingested_at TYPE minmax GRANULARITY 1;

ALTER TABLE ${DATABASE}.observations MATERIALIZE INDEX taken_in;
