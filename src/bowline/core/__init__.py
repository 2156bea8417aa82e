"""The decision core: facts in, commands out.

Nothing in here reads a clock, a file, a network or a random number; a replay of the same facts
gives the same commands, byte for byte.
"""
