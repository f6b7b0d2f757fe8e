"""The values: what everything else speaks of. The standard library and orjson only."""
