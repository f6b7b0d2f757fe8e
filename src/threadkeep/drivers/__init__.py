"""The drivers: how statements reach a server, and the server that comes with the package."""
