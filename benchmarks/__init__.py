"""What is measured and how: each file prints a table by one documented command."""
