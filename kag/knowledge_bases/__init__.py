"""The graph at rest: records, the Store contract, one file a back-end, and the KnowledgeBase facade."""
