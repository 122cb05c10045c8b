"""`make bench-measure`: how true our timings are and what they cost, beside the peers, in one run. docs/benches.md."""
