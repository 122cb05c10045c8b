"""The vocabulary: frozen values, configuration models and the tables. No I/O, no logic beyond self-checks."""
