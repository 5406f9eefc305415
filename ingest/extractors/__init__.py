"""An open kind: how entities and relations are found in passages; one file a method."""
