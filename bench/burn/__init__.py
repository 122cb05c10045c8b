"""How often burn rates page without a cause, and how late with one: docs/benches.md."""
