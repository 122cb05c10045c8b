"""Kills, full and broken disks, a store that is gone: nothing acknowledged is lost, nothing is doubled."""
