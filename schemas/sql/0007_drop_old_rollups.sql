-- A step of its own, so that 0006 can be applied again after a crash in its middle.
DROP TABLE IF EXISTS ${DATABASE}.rollup_1h;
