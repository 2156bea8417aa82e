"""Stores that live in this process and in files of `BOWLINE_HOME`, with no server."""
