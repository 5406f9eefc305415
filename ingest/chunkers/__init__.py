"""An open kind: how a text is cut into passages; one file a method."""
