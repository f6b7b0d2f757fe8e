"""One module per framework: its own interface, on our store. Each needs its own extra."""
