"""The nouns: values, instruments, market facts, intents, orders, positions, events and commands."""
