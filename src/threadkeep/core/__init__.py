"""The core: one module per capability, as coroutines that await only their executor."""
