"""For tests: the contract suite, fixtures, strategies and the plain-Python model."""
