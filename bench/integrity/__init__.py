"""How often integrity checks are wrong, and what they find: honest providers first, then liars. docs/benches.md."""
