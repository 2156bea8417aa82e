"""What is kept: the protocols of every store, and the stores that need no server in `embedded`.

Only `wire.py` names a concrete store; everyone else is handed one.
"""
