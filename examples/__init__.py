"""Examples: programs that use threadkeep, each in a folder of its own."""
