"""The clients that the bench compares: one file each, all in catalog.py."""
