"""Which names mean the same thing: within a document, and across the documents of a collection."""
