"""Record and replay: symbols and nodes (`node`), nested structures (`structure`), running (`function`)."""
