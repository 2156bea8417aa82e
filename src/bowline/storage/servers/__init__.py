"""Stores that live in a server of their own."""
