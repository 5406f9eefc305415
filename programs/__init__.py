"""Ready-made trainable answerers, one a file."""
