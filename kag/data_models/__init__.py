"""Data models: with values (`DataModel`, `JsonDataModel`, `Variable`) and without (`SymbolicDataModel`)."""
